"""One incident, one master ticket: incident keys (R1) and the fifteen-minute window (R2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.domain.batch import CommandResult
from bus.domain.commands import Note, OpenTicket
from bus.domain.events import ReportJoined, TicketOpened
from bus.domain.terms import JoinCause, KeyKind
from bus.domain.values import IncidentKey
from tests.domain.given import At, given
from tests.domain.people import CLOSED, HOUR, MINUTE, OPEN, RULES, SERIAL, START, TICK_OF_TIME

WINDOW = RULES.dedupe_window
AGAIN = replace(OPEN, source_no="C-2", title="又报修")


def test_dedupe_a_first_report_opens_a_ticket_with_the_promises_of_its_type() -> None:
    story = given().when(OPEN)
    (event,) = story.events
    assert isinstance(event, TicketOpened)
    assert (event.response_limit_s, event.resolution_limit_s) == (900, 86_400)
    assert (event.serial, event.opened_at, event.customer) == ("SN-7788", START, OPEN.customer)
    story.then_answer(CommandResult.OPENED, "T20261122-000001")


def test_dedupe_the_window_is_fifteen_minutes() -> None:
    assert timedelta(minutes=15) == WINDOW


def test_dedupe_a_later_report_joins_and_is_kept_in_full() -> None:
    joined = ReportJoined(
        cause=JoinCause.SAME_KEY,
        source_no="C-2",
        incident_key=SERIAL,
        title="又报修",
        description="",
        customer=OPEN.customer,
        reported_at=START + WINDOW,
    )
    told = given(OPEN).when(At(START + WINDOW, AGAIN), ticket_id=None)
    assert told.then(joined).ticket.reports == 2
    told.then_answer(CommandResult.JOINED, "T20261122-000001")


def test_dedupe_who_joined_speaks_of_the_master_by_the_own_number() -> None:
    story = given(OPEN, AGAIN)
    assert story.when(Note(text="催一下"), ticket_id=None, source_no="C-2").accepted.ticket_id == "T20261122-000001"


@pytest.mark.parametrize(
    ("after", "answer"), [(WINDOW, CommandResult.JOINED), (WINDOW + TICK_OF_TIME, CommandResult.OPENED)]
)
@pytest.mark.parametrize("direction", [1, -1], ids=["later", "earlier"])
def test_dedupe_the_window_s_edge_belongs_to_it(after: timedelta, answer: CommandResult, direction: int) -> None:
    given(OPEN).when(At(START + direction * after, AGAIN)).then_answer(answer)


def test_dedupe_the_window_is_judged_by_when_the_incident_began_not_by_when_it_was_sent() -> None:
    given(OPEN).when(At(START + HOUR, replace(AGAIN, opened_at=START + MINUTE))).then_answer(CommandResult.JOINED)


def test_dedupe_the_window_is_counted_from_the_master_not_from_the_last_report() -> None:
    story = given(OPEN, At(START + 10 * MINUTE, AGAIN))
    story.when(At(START + 20 * MINUTE, replace(OPEN, source_no="C-3"))).then_answer(
        CommandResult.OPENED, "T20261122-000002"
    )


def test_dedupe_a_new_master_takes_the_reports_from_then_on() -> None:
    story = given(OPEN, At(START + HOUR, AGAIN))
    third = At(START + HOUR + MINUTE, replace(OPEN, source_no="C-3"))
    story.when(third).then_answer(CommandResult.JOINED, "T20261122-000002")


def test_dedupe_a_late_told_old_incident_does_not_take_the_name_from_the_newer() -> None:
    story = given(OPEN)
    story.when(At(START - HOUR, AGAIN)).then_answer(CommandResult.OPENED, "T20261122-000002")
    story.when(At(START + MINUTE, replace(OPEN, source_no="C-3"))).then_answer(CommandResult.JOINED, "T20261122-000001")


def test_dedupe_a_closed_ticket_takes_no_new_incident() -> None:
    story = given(*CLOSED)
    story.when(At(START + MINUTE, AGAIN)).then_answer(CommandResult.OPENED, "T20261122-000002")
    story.when(At(START + 2 * MINUTE, replace(OPEN, source_no="C-3"))).then_answer(
        CommandResult.JOINED, "T20261122-000002"
    )


def test_dedupe_a_closed_ticket_gives_its_name_even_to_an_incident_that_began_before_it() -> None:
    story = given(*CLOSED)
    story.when(At(START - MINUTE, AGAIN)).then_answer(CommandResult.OPENED, "T20261122-000002")
    story.when(At(START + MINUTE, replace(OPEN, source_no="C-3"))).then_answer(CommandResult.JOINED, "T20261122-000002")


def test_dedupe_the_source_s_own_number_is_the_same_ticket_whatever_the_time() -> None:
    story = given(*CLOSED)
    told = story.when(At(START + 999 * HOUR, replace(OPEN, incident_key=replace(SERIAL, value="SN-other"))))
    told.then_answer(CommandResult.JOINED, "T20261122-000001")
    (event,) = told.events
    assert isinstance(event, ReportJoined)
    assert event.cause is JoinCause.SAME_SOURCE_NO


def test_dedupe_two_sources_may_use_one_number() -> None:
    other = replace(OPEN, incident_key=replace(SERIAL, value="SN-other"))
    given(OPEN).when(other, source="erp").then_answer(CommandResult.OPENED)


@pytest.mark.parametrize("kind", KeyKind)
def test_dedupe_a_key_is_its_kind_and_its_value(kind: KeyKind) -> None:
    key = IncidentKey(kind=kind, value="10086")
    first = OpenTicket(incident_key=key, title="不通电", type="hardware_fault")
    story = given(first)
    story.when(first).then_answer(CommandResult.JOINED)
    others = [one for one in KeyKind if one is not kind]
    for number, other in enumerate(others, start=2):
        story.when(replace(first, incident_key=replace(key, kind=other))).then_answer(
            CommandResult.OPENED, f"T20261122-{number:06d}"
        )


def test_dedupe_an_opening_that_cannot_be_taken_takes_no_name() -> None:
    story = given()
    story.when(replace(OPEN, type="冰箱")).then_refused("unknown_word", "type")
    story.when(replace(OPEN, title=" ")).then_refused("missing", "title")
    assert story.loaded.names == {}
    story.when(OPEN).then_answer(CommandResult.OPENED, "T20261122-000001")


def test_dedupe_a_report_that_joins_is_held_to_the_same_duty() -> None:
    given(OPEN).when(replace(AGAIN, title="")).then_refused("missing", "title")


@pytest.mark.parametrize(("opened", "number"), [
    (datetime(2026, 11, 22, 15, 59, 59, 999_999, tzinfo=UTC), "T20261122-000001"),
    (datetime(2026, 11, 22, 16, 0, tzinfo=UTC), "T20261123-000001"),
    (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "T20270101-000001"),
])  # fmt: skip
def test_dedupe_a_ticket_number_bears_the_day_in_china(opened: datetime, number: str) -> None:
    given().when(At(opened, OPEN)).then_answer(CommandResult.OPENED, number)


@pytest.mark.parametrize("ahead", [RULES.clock_skew_max + TICK_OF_TIME, timedelta(days=300_000)])
def test_dedupe_nothing_began_in_the_future(ahead: timedelta) -> None:
    given().when(OPEN, at=START + ahead, received_at=START).then_refused("in_future", "at")
    future = replace(OPEN, opened_at=START + ahead)
    given().when(future).then_refused("in_future", "opened_at")
    given(OPEN).when(replace(future, source_no="C-2")).then_refused("in_future", "opened_at")


def test_dedupe_a_source_s_clock_may_be_a_little_fast() -> None:
    given().when(OPEN, at=START + RULES.clock_skew_max, received_at=START).then_answer(CommandResult.OPENED)


def test_dedupe_a_report_joins_the_ticket_opened_near_it_though_a_newer_has_its_key() -> None:
    story = given(At(START - HOUR, OPEN), At(START, AGAIN))
    third = At(START - 55 * MINUTE, replace(OPEN, source_no="C-3"))
    story.when(third).then_answer(CommandResult.JOINED, "T20261122-000001")
    later = replace(OPEN, source_no="C-4")
    story.when(At(START + MINUTE, later)).then_answer(CommandResult.JOINED, "T20261122-000002")


def test_dedupe_an_older_past_has_its_own_ticket_once_a_newer_one_is_there() -> None:
    story = given(OPEN)
    past = [At(START - 999 * HOUR + n * 5 * MINUTE, replace(OPEN, source_no=f"H-{n}")) for n in range(3)]
    answers = [story.when(one, ticket_id=None).accepted for one in past]
    assert [one.answer for one in answers] == [CommandResult.OPENED, CommandResult.JOINED, CommandResult.JOINED]
    assert len({one.ticket_id for one in answers}) == 1


def test_dedupe_of_two_tickets_near_a_report_the_nearer_takes_it_and_of_two_as_near_the_later() -> None:
    story = given(At(START, OPEN), At(START + 20 * MINUTE, AGAIN))
    for minutes, ticket_id in ((6, "T20261122-000001"), (14, "T20261122-000002"), (10, "T20261122-000002")):
        report = At(START + minutes * MINUTE, replace(OPEN, source_no=f"R-{minutes}"))
        story.when(report).then_answer(CommandResult.JOINED, ticket_id)
