"""Closure by two 闭环双签 (R20): who confirms and how, reminders, and a request that expires and confirms nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.domain.batch import Accepted
from bus.domain.closing_commands import ConfirmClosure, RequestClosure
from bus.domain.closing_events import ClosureCodeRefused, ClosureConfirmed, ClosureExpired, ClosureReminded
from bus.domain.closure_proof import CODE_TRIES, ClosureProofs, PageClaim, claim_of, closure_key, code_of, token_of
from bus.domain.closure_rules import ClosureRules, reminders
from bus.domain.collaborator_commands import AddCollaborator
from bus.domain.commands import Command
from bus.domain.drift import DriftReason, drifted
from bus.domain.events import TicketEscalated
from bus.domain.inside_commands import FollowUpClosure
from bus.domain.scope import Scope
from bus.domain.terms import BUS, CUSTOMER_PAGE, ConfirmedVia, State, Tick, TicketId
from bus.domain.ticket import Ticket
from bus.wire.rejected_input import refused_input
from tests.domain.given import At, Story, given, request
from tests.domain.people import (
    ASKED_TO_CLOSE,
    CLOSED,
    CONFIRM,
    HOUR,
    OFFICE_RULES,
    REOPEN,
    RESOLVE,
    RESOLVED,
    RULES,
    START,
    TICK_OF_TIME,
    WANG,
    WORKING,
)

KEY = closure_key(b"m" * 32)
WITH_KEY = ClosureRules(key=KEY)
ENGINEER = Scope(person=WANG.person)
BY_CODE = {"scope": ENGINEER, "actor": WANG.person}


def asked(*commands: Command, rules: ClosureRules = WITH_KEY) -> Story:
    """Begin a story whose customer is asked, with a key for codes."""
    story = Story(replace(RULES, closure=rules))
    for command in (*ASKED_TO_CLOSE, *commands):
        story.when(command)
    return story


def code(ticket: Ticket) -> str:
    """Give the code that the customer has."""
    assert ticket.closure
    return code_of(KEY, ticket.ticket_id, ticket.closure.version)


def wrong(ticket: Ticket) -> ConfirmClosure:
    """Give a confirmation with a code that is another one."""
    return replace(CONFIRM, code=f"{(int(code(ticket)) + 1) % 10**6:06}")


def test_closing_by_two_the_event_says_how_it_was_confirmed_r20() -> None:
    def via(**own: object) -> ConfirmedVia | None:
        [event] = asked().when(CONFIRM, **own).events
        assert isinstance(event, ClosureConfirmed)
        return event.via

    assert via() is ConfirmedVia.CONSOLE
    assert via(ticket_id=None, source_no="C-1") is ConfirmedVia.CRM
    assert via(scope=Scope(source="crm")) is ConfirmedVia.CRM
    assert via(source=CUSTOMER_PAGE) is ConfirmedVia.PAGE
    assert via(historic=True) is None


def test_closing_by_two_a_handler_never_confirms_as_the_customer_r20() -> None:
    named = replace(CONFIRM, confirmed_by=f" {WANG.person} ")
    for own in ({}, {"source": CUSTOMER_PAGE}, BY_CODE):
        asked().when(named, **own).then_refused("not_the_customer", "confirmed_by")
    asked().when(CONFIRM, actor=WANG.person).then_refused("missing", "code")
    asked().when(CONFIRM, scope=Scope(person=WANG.backup_person), actor=WANG.backup_person).then_refused("missing")


@pytest.mark.parametrize("person", ["李工", "周工", " 周 工", "ZHOU li"])
def test_closing_by_two_whoever_works_on_the_ticket_wants_the_code_r20(person: str) -> None:
    story = Story(replace(RULES, closure=WITH_KEY))
    story.loaded.people = frozenset({"周工", "Zhou Li"})
    parts = (AddCollaborator(person=one, part="制冷回路") for one in ("周工", "Zhou Li"))
    for command in (*WORKING, *parts, RESOLVE, RequestClosure()):
        assert isinstance(story.when(command).outcome, Accepted), command
    story.when(CONFIRM, actor=person).then_refused("missing", "code")
    story.when(CONFIRM, actor=person, scope=Scope(source="crm")).then_refused("missing", "code")
    story.when(replace(CONFIRM, confirmed_by=person)).then_refused("not_the_customer", "confirmed_by")
    story.when(replace(CONFIRM, code=code(story.ticket)), actor=person).then(ClosureConfirmed)


def test_closing_by_two_what_is_closed_is_confirmed_already_and_nobodys_letter_r20_r29() -> None:
    story = given(*CLOSED)
    refusal = story.when(CONFIRM).then_refused("already", "closure")
    assert refusal.context["ticket_id"] == story.ticket.ticket_id
    kept = refused_input(refusal, origin="webhook:crm", origin_ref="d1", source="crm", body=b"{}", trace_id="")
    assert kept.heard, "the CRM repeats what the page was told: no dead letter, and no failure between systems"


def test_closing_by_two_a_refusal_names_its_ticket_so_that_its_letter_is_no_case_of_its_own_r29() -> None:
    for course, command, code in (
        (RESOLVED, CONFIRM, "missing"),
        (ASKED_TO_CLOSE, replace(CONFIRM, confirmed_by=WANG.person), "not_the_customer"),
    ):
        story = given(*course)
        refusal = story.when(command).then_refused(code)
        assert refusal.context["ticket_id"] == story.ticket.ticket_id
        kept = refused_input(refusal, origin="webhook:crm", origin_ref="d1", source="crm", body=b"{}", trace_id="")
        assert not kept.heard, "somebody has to look at it"


def test_closing_by_two_an_engineer_confirms_by_the_customers_code_r20() -> None:
    story = asked()
    spelled = replace(CONFIRM, code=f" {code(story.ticket)[:3]} {code(story.ticket)[3:]}")
    [event] = story.when(spelled, **BY_CODE).events
    assert event == ClosureConfirmed(confirmed_by="陈女士", ticks=tuple(Tick), via=ConfirmedVia.CODE)
    assert story.ticket.state is State.CLOSED


def test_closing_by_two_wrong_codes_are_counted_and_then_none_is_taken_r20() -> None:
    story = asked()
    for left in range(CODE_TRIES - 1, -1, -1):
        refused = story.when(wrong(story.ticket), **BY_CODE)
        assert refused.outcome.error.code == "wrong_code"  # type: ignore[union-attr]  # it is refused
        assert refused.events == [ClosureCodeRefused(left=left)]
        if left:
            story.when(replace(CONFIRM, code="12 34a"), **BY_CODE).then_refused("out_of_range", "code")
    right = replace(CONFIRM, code=code(story.ticket))
    story.when(right, **BY_CODE).then_refused("code_locked", "code")
    assert len([one for one in story.log if isinstance(one.event, ClosureCodeRefused)]) == CODE_TRIES
    assert story.ticket.state is State.RESOLVED
    story.when(CONFIRM, source=CUSTOMER_PAGE).then(ClosureConfirmed)


def test_closing_by_two_a_wrong_code_that_is_sent_again_counts_once_r20() -> None:
    story = asked()
    again = request(wrong(story.ticket), 5_000, ticket_id=story.ticket.ticket_id, **BY_CODE)
    assert [len(story.ask(again).events) for _ in range(3)] == [1, 0, 0]
    assert story.ask(again).then_refused("wrong_code", "code").context["left"] == CODE_TRIES - 1


def test_closing_by_two_a_code_holds_for_its_request_and_its_time_r20() -> None:
    story = asked()
    right = replace(CONFIRM, code=code(story.ticket))
    late = START + timedelta(days=7)
    story.when(At(late, right), **BY_CODE).then_refused("code_expired", "code")
    story.when(At(late, FollowUpClosure()))
    story.when(At(late, RequestClosure()))
    refused = story.when(At(late, right), **BY_CODE)
    assert isinstance(refused.events[0], ClosureCodeRefused)
    asked(rules=ClosureRules()).when(right, **BY_CODE).then_refused("no_codes", "code")


def test_closing_by_two_a_request_is_followed_up_twice_and_expires_without_confirming_r20() -> None:
    story, hours = given(*ASKED_TO_CLOSE), iter((24, 48, 168))
    one, two, end = (START + next(hours) * HOUR for _ in range(3))
    story.when(At(one - TICK_OF_TIME, FollowUpClosure())).then()
    story.when(At(one, FollowUpClosure())).then(ClosureReminded(number=1, remind_at=(two,)))
    story.when(At(one, FollowUpClosure())).then()
    story.when(At(two, FollowUpClosure())).then(ClosureReminded(number=2, remind_at=()))
    story.when(At(end - TICK_OF_TIME, FollowUpClosure())).then()
    asked_in = story.ticket.closure
    assert asked_in
    story.when(At(end, FollowUpClosure())).then(
        ClosureExpired(requested_version=asked_in.version, expired_at=end), TicketEscalated
    )
    assert {one.actor for one in story.log[-4:]} == {BUS}
    ticket = story.ticket
    assert (ticket.state, ticket.closed_at, ticket.closure, ticket.closure_requested) == (
        State.RESOLVED, None, None, False,
    )  # fmt: skip
    story.when(At(end + HOUR, FollowUpClosure())).then()
    story.when(At(end + HOUR, CONFIRM)).then_refused("missing", "closure_requested")


def test_closing_by_two_what_expired_drifts_until_somebody_asks_again_or_works_on_it_r20_r9() -> None:
    end = START + timedelta(days=7)

    def reasons(*commands: Command | At) -> Sequence[DriftReason]:
        found = drifted(given(*ASKED_TO_CLOSE, *commands).ticket, end + HOUR)
        return found.reasons if found else ()

    expired = At(end, FollowUpClosure())
    assert reasons() == ()
    assert reasons(expired) == (DriftReason.CLOSURE_EXPIRED,)
    assert reasons(expired, At(end, RequestClosure())) == ()
    assert reasons(expired, At(end, REOPEN)) == ()


def test_closing_by_two_reminders_missed_while_nobody_looked_are_one_r20() -> None:
    story = given(*ASKED_TO_CLOSE)
    late = START + 60 * HOUR
    story.when(At(late, FollowUpClosure())).then(ClosureReminded(number=1, remind_at=()))
    story.when(At(late, FollowUpClosure())).then()


@pytest.mark.parametrize("course", [CLOSED, (*ASKED_TO_CLOSE, REOPEN), RESOLVED])
def test_closing_by_two_what_is_answered_or_never_asked_is_not_followed_up_r20(course: tuple[Command, ...]) -> None:
    given(*course).when(At(START + 999 * HOUR, FollowUpClosure())).then()


def test_closing_by_two_an_imported_past_is_never_followed_up_r20() -> None:
    story = given(*ASKED_TO_CLOSE, historic=True)
    assert story.ticket.closure
    assert (story.ticket.closure.next_at, story.ticket.closure.expires_at) == (None, None)


def test_closing_by_two_reminders_fall_into_working_hours_r20_r7() -> None:
    story = Story(OFFICE_RULES)
    friday = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # 17:30 in China
    for command in ASKED_TO_CLOSE:
        story.when(At(friday, command))
    assert story.ticket.closure
    monday = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)  # 08:30 in China
    hours = story.ticket.resolution.calendar
    assert story.ticket.closure.remind_at == (monday,)
    assert hours
    assert reminders(monday - 24 * HOUR, ClosureRules(), hours)[0] == (monday, monday + 24 * HOUR)
    assert story.ticket.closure.expires_at == friday + timedelta(days=7)


def test_closing_by_two_a_link_is_of_one_request_and_nobody_can_make_one_r20() -> None:
    claim = PageClaim(ticket_id=TicketId("T20261122-000001"), version=5, expires_at=START)
    token = token_of(KEY, claim)
    assert claim_of(KEY, token) == claim
    for other in (
        token.replace("000001", "000002"),
        token.replace(".5.", ".6."),
        token.replace(str(int(START.timestamp())), str(int(START.timestamp()) + 1)),
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token + "A",
        "",
        "a.b.c.d",
        "x" * 10_000,
    ):
        assert claim_of(KEY, other) is None, other
    assert claim_of(closure_key(b"n" * 32), token) is None
    assert claim_of(b"", token_of(b"", claim)) is None


def test_closing_by_two_secrets_are_in_no_event_and_in_no_repr_r20() -> None:
    story = asked()
    ask = story.ticket.closure
    assert ask
    proofs = ClosureProofs(key=KEY, page_url="https://t.example/")
    link = proofs.link(story.ticket.ticket_id, ask)
    assert link.startswith("https://t.example/close/T20261122-000001.5.")
    assert len(link) < 100
    texts = repr((story.log, story.ticket, proofs, story.rules))
    assert code(story.ticket) not in texts
    assert repr(KEY) not in texts
    assert ClosureProofs(key=KEY).link(story.ticket.ticket_id, ask) == ""
