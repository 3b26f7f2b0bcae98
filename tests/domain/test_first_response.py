"""A first response is a person's (R7): what a program answers is recorded, and neither meets nor claims anything."""

from dataclasses import replace

import pytest

from bus.domain.commands import Accept, Arrive, Command, Depart, Start
from bus.domain.inside_commands import BreachSla
from bus.domain.promise_events import SlaBreached, SlaBreachWithdrawn
from bus.domain.terms import ClockName, State, TicketStep
from bus.intake.dispatch import utc_now
from bus.intake.from_kafka_command import request_of
from bus.rules_config import load_rules
from bus.settings import Settings
from schemas.messages import CommandSent
from tests.domain.given import At, Story, given
from tests.domain.people import ASSIGN, HOUR, MINUTE, OPEN, START
from tests.domain.test_sla_in_working_hours import happening

ROBOTS = load_rules(Settings(robots=["客服機器人", "Auto Reply"]))
ANSWERS: tuple[Command, ...] = (Accept(), Depart(), Arrive(), Start())


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    "own", [{"actor": "ticketbus"}, {"actor": "auto-reply"}, {"actor": " 客服机器人"}, {"automatic": True}]
)
def test_first_response_is_not_a_program_s_and_a_person_s_counts_after_it_r7(
    answer: Command, own: dict[str, object]
) -> None:
    story = happening(Story(ROBOTS), OPEN, ASSIGN)
    assert story.when(At(START + MINUTE, answer), **own).accepted.version
    ticket = story.ticket
    assert (ticket.response.settled_at, ticket.accepted_at) == (None, None)
    assert ticket.step
    assert ticket.step.step is TicketStep.ACCEPT
    assert ticket.state is (State.IN_PROGRESS if isinstance(answer, Arrive | Start) else State.ASSIGNED)
    happening(story, At(START + 2 * MINUTE, Accept()))
    assert (story.ticket.response.settled_at, story.ticket.accepted_at) == (START + 2 * MINUTE,) * 2


def test_first_response_of_a_person_stays_when_a_program_answers_after_it_r7() -> None:
    story = happening(Story(ROBOTS), OPEN, ASSIGN, Accept())
    assert story.when(At(START + HOUR, Start()), automatic=True).accepted.version
    assert story.ticket.response.settled_at == story.ticket.accepted_at == START


def test_first_response_a_breach_is_not_withdrawn_by_a_program_r7() -> None:
    breach = At(START + 20 * MINUTE, BreachSla(clock=ClockName.FIRST_RESPONSE))
    for automatic in (True, False):
        story = given(OPEN, ASSIGN, breach)
        told = story.when(At(START + 10 * MINUTE, Accept()), automatic=automatic)
        assert any(isinstance(one, SlaBreachWithdrawn) for one in told.events) is not automatic
        assert any(isinstance(one.event, SlaBreached) for one in story.log)


def test_first_response_of_an_imported_past_is_taken_as_it_is_r7() -> None:
    story = given(OPEN, ASSIGN, historic=True)
    assert story.when(Accept(), historic=True, automatic=True).accepted.version
    assert story.ticket.response.settled_at == START


def test_first_response_a_system_that_asks_in_its_own_name_is_a_program_r7() -> None:
    sent = CommandSent(
        idempotency_key="k-1",
        source="crm",
        actor="crm",
        at=START,
        ticket_id="",
        ticket_source_no="C-1",
        command=Accept(),
    )
    asked = [request_of(one, received_at=utc_now(), trace_id=None) for one in (sent, replace(sent, actor="张工"))]
    assert [one.automatic for one in asked] == [True, False]
