"""One command id, one effect: repeats get the same answer, another body is refused, what was refused may come again."""

from dataclasses import replace

from bus.domain.batch import UNKNOWN_FINGERPRINT, Accepted, CommandResult
from bus.domain.commands import Assign
from bus.domain.events import TicketAssigned
from bus.domain.inside_commands import BreachSla
from bus.domain.terms import ClockName
from tests.domain.given import At, given, request
from tests.domain.people import ASSIGN, HOUR, OPEN, START, WANG, WORKING

AGAIN = replace(OPEN, source_no="C-2")


def test_idempotence_a_repeat_gets_the_same_answer_and_has_no_effect() -> None:
    story = given()
    first = story.ask(request(OPEN, 77)).accepted
    told = story.ask(request(OPEN, 77))
    assert told.accepted == replace(first, repeated=True)
    assert told.events == []


def test_idempotence_the_answer_repeated_is_the_one_of_then_not_of_now() -> None:
    story = given(OPEN)
    first = story.ask(request(AGAIN, 77)).accepted
    assert (first.answer, first.version) == (CommandResult.JOINED, 2)
    story.when(ASSIGN).then(TicketAssigned)
    assert story.ask(request(AGAIN, 77)).accepted == replace(first, repeated=True)


def test_idempotence_the_same_id_with_another_body_is_refused() -> None:
    story = given()
    story.ask(request(OPEN, 77)).then_answer(CommandResult.OPENED)
    story.ask(request(AGAIN, 77)).then_refused("idempotency_key_reused", "delivery_id")


def test_idempotence_a_command_restored_from_the_log_counts_as_the_same_whatever_its_body() -> None:
    story = given()
    first = story.ask(request(OPEN, 77, fingerprint=UNKNOWN_FINGERPRINT)).accepted
    assert story.ask(request(AGAIN, 77)).accepted == replace(first, repeated=True)


def test_idempotence_what_two_versions_of_a_map_make_of_one_delivery_counts_as_the_same() -> None:
    story = given()
    first = story.ask(request(OPEN, 77, map_version=1)).accepted
    assert story.ask(request(AGAIN, 77, map_version=2)).accepted == replace(first, repeated=True)
    story.ask(request(AGAIN, 77, map_version=1)).then_refused("idempotency_key_reused", "delivery_id")


def test_idempotence_what_was_refused_may_come_again_with_the_same_id() -> None:
    story = given(OPEN)
    story.ask(request(Assign(assignee=replace(WANG, person="")), 77, ticket_id=story.ticket.ticket_id)).then_refused(
        "missing"
    )
    story.ask(request(ASSIGN, 77, ticket_id=story.ticket.ticket_id)).then(TicketAssigned)


def test_idempotence_a_clock_s_command_that_came_too_early_may_come_again() -> None:
    story = given(OPEN)
    breach = BreachSla(clock=ClockName.FIRST_RESPONSE)
    early = story.ask(request(breach, 77, ticket_id=story.ticket.ticket_id)).accepted
    assert (early.answer, early.version, early.repeated) == (CommandResult.UNCHANGED, 1, False)
    late = story.ask(request(breach, 77, ticket_id=story.ticket.ticket_id, at=START + HOUR)).accepted
    assert (late.answer, late.version) == (CommandResult.CHANGED, 3)


def test_idempotence_every_event_of_a_command_bears_its_id_and_the_ticket_s_trace() -> None:
    told = given(*WORKING[:-1]).when(At(START + HOUR, WORKING[-1]))
    assert len(told.events) == 3
    assert {recorded.command_id for recorded in told.settled.events} == {told.accepted.command_id}
    assert {recorded.trace_id for recorded in told.story.log} == {told.story.ticket.trace_id}
    assert [recorded.version for recorded in told.story.log] == [1, 2, 3, 4, 5]


def test_idempotence_an_outcome_names_ticket_and_trace() -> None:
    outcome = given(OPEN).when(AGAIN).outcome
    assert isinstance(outcome, Accepted)
    assert (outcome.ticket_id, outcome.trace_id) == ("T20261122-000001", f"{1:032x}")
