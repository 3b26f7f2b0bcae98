"""Virtual tickets: numbered V, apart from real ones whatever their keys, without deadlines, on topics of their own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bus.domain.closing_commands import RequestClosure
from bus.domain.commands import Accept, AskProgress, Command, Note, Start
from bus.domain.events import TicketOpened
from bus.domain.sla import overdue, warn
from bus.domain.terms import BUS, SANDBOX, ClockName, KeyKind, State, is_synthetic
from bus.domain.values import IncidentKey
from bus.intake.sandbox import Practice, ending, practice_opening, probe_requests
from bus.process.sla_process import SLA
from bus.wire.headers import SYNTHETIC, counted, event_headers, header
from projections.device_history import project
from projections.sla_clocks import write
from schemas.topics import LOG, PROBE, load_contract
from tests.domain.given import Story, given
from tests.domain.people import ASSIGN, OPEN, PAUSE, RESOLVE, RULES, START

CONTRACT = load_contract()
LATE = START + timedelta(days=400)
PRACTICE = Practice(person="张工", region="华东", number="exercise-1")


def virtual() -> Story:
    """Open a virtual ticket."""
    story = Story()
    story.ask(practice_opening(PRACTICE, RULES, START)).accepted  # noqa: B018 - it asserts that it is accepted
    return story


def test_virtual_its_number_begins_with_v_and_a_real_one_with_t() -> None:
    assert (virtual().ticket.ticket_id, is_synthetic(virtual().ticket.ticket_id)) == ("V20261122-000001", True)
    assert (given(OPEN).ticket.ticket_id, is_synthetic(given(OPEN).ticket.ticket_id)) == ("T20261122-000001", False)


def test_virtual_no_report_of_one_kind_joins_a_ticket_of_the_other() -> None:
    story = virtual()
    same_key = replace(OPEN, incident_key=story.ticket.incident_key, source_no="")
    assert story.when(same_key, ticket_id=None).accepted.ticket_id == "T20261122-000002"
    twin = replace(PRACTICE, number="exercise-2")
    opening = practice_opening(twin, RULES, START)
    keyed = replace(opening, command=replace(same_key, source_no="exercise-2"))
    assert story.ask(keyed).accepted.ticket_id == "V20261122-000003"
    assert story.when(same_key, ticket_id=None).accepted.ticket_id == "T20261122-000002"
    assert story.ask(practice_opening(PRACTICE, RULES, START)).accepted.ticket_id == "V20261122-000001"


@pytest.mark.parametrize("number", ["V20261129-000001", "v20261129-000001", "Ⅴ20261129—000001"])
def test_virtual_no_name_of_a_real_ticket_looks_like_its_number(number: str) -> None:
    Story().when(replace(OPEN, source_no=number)).then_refused("like_a_ticket_number", "source_no")


def test_virtual_r47_a_practice_is_its_openers_alone_to_work_and_the_bus_and_the_sandbox_go_on() -> None:
    story = Story()
    story.ask(practice_opening(replace(PRACTICE, number="practice-1"), RULES, START)).accepted  # noqa: B018 - it asserts that it is accepted
    for actor in ("李组长", "张工 "):
        story.when(ASSIGN, actor=actor).then_refused("not_yours", "ticket_id")
    story.when(ASSIGN, actor="张工").accepted  # noqa: B018 - it asserts that it is accepted
    story.when(Note(text="时限"), source=BUS, actor="运维").accepted  # noqa: B018 - it asserts that it is accepted
    for one in ending(story.ticket, "演练", RULES, START):
        story.ask(one).accepted  # noqa: B018 - it asserts that it is accepted
    assert story.ticket.state is State.CLOSED


def test_virtual_its_clocks_never_warn_nor_break_and_are_no_rows() -> None:
    ticket, real = virtual().ticket, given(OPEN).ticket
    assert (overdue(ticket, LATE), warn(ticket, ClockName.RESOLUTION, LATE), SLA.deadlines(ticket)) == ((), (), {})
    assert (write(None, ticket)["sla_clocks"], len(write(None, real)["sla_clocks"])) == ([], 2)
    assert overdue(real, LATE)
    late = virtual()
    late.when(AskProgress(), at=LATE, received_at=LATE)
    assert [type(one.event).__name__ for one in late.log] == ["TicketOpened", "ProgressAsked"]


def test_virtual_it_is_in_no_devices_history() -> None:
    opened, real = virtual().log[0], given(OPEN).log[0]
    assert isinstance(opened.event, TicketOpened)
    assert opened.event.serial
    assert project(None, opened) is None
    assert project(None, replace(real, event=replace(opened.event, serial="SN-1")))


def test_virtual_its_events_go_to_two_topics_with_a_header_and_a_real_ones_to_neither_topic_nor_header() -> None:
    (opened,), (real,) = virtual().log, given(OPEN).log
    assert CONTRACT.destinations(opened) == CONTRACT.destinations(replace(opened, historic=True)) == (LOG, PROBE)
    assert CONTRACT.destinations(real) == (LOG, "ticket.status")
    headers = [
        event_headers(
            event_id=one.event_id,
            source=one.source,
            ce_type="ticket.opened.v1",
            ticket_id=one.ticket_id,
            occurred_at=one.occurred_at,
            trace_id=one.trace_id,
            version=one.version,
        )
        for one in (opened, real)
    ]
    assert [header(one, SYNTHETIC) for one in headers] == ["true", None]


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (ASSIGN,),
        (ASSIGN, Accept(), Start()),
        (ASSIGN, Start(), PAUSE),
        (ASSIGN, Start(), RESOLVE, RequestClosure()),
    ],
)
def test_virtual_it_ends_by_the_steps_that_are_left(steps: tuple[Command, ...]) -> None:
    story = virtual()
    for step in steps:
        story.when(step).accepted  # noqa: B018 - it asserts that it is accepted
    for one in ending(story.ticket, "张工", RULES, START):
        story.ask(one).accepted  # noqa: B018 - it asserts that it is accepted
    assert story.ticket.state is State.CLOSED
    assert ending(story.ticket, "张工", RULES, START) == []


def test_virtual_a_probe_is_a_note_on_the_tickets_of_its_day() -> None:
    story = Story()
    for minutes in (0, 5, 24 * 60):
        at = START + timedelta(minutes=minutes)
        for one in probe_requests(at, RULES, at):
            story.ask(one).accepted  # noqa: B018 - it asserts that it is accepted
    assert [(one.ticket_id, one.version, type(one.event).__name__) for one in story.log] == [
        ("V20261122-000001", 1, "TicketOpened"),
        ("V20261122-000001", 2, "NoteAdded"),
        ("V20261122-000001", 3, "NoteAdded"),
        ("V20261123-000002", 1, "TicketOpened"),
        ("V20261123-000002", 2, "NoteAdded"),
    ]
    assert {one.source for one in story.log} == {SANDBOX}
    assert (
        IncidentKey(kind=KeyKind.SERIAL, value="SANDBOX-probe-2026-11-22")
        == story.loaded.tickets[story.log[0].ticket_id].incident_key
    )


def test_virtual_its_records_are_in_no_count_of_metrics() -> None:
    assert counted([[("ce_id", b"1")], [("ce_id", b"2"), (SYNTHETIC, b"true")], []]) == 2
