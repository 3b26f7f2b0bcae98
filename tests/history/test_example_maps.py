"""The shipped maps of other shapes, on data made up in their form: every row goes in, and what comes out is right."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from adapters.history.map_file import HistoryMap, load_map
from adapters.history.rows import open_lines
from bus.domain.closing_events import ClosureConfirmed, ClosureRequested, TicketResolved
from bus.domain.events import NoteAdded, TicketAssigned, TicketOpened, WorkPaused, WorkStarted
from bus.domain.terms import KeyKind, State, WaitingFor
from bus.domain.ticket import Ticket
from bus.domain.values import Customer, IncidentKey
from tests.history.uci import ROOT, Bus

DATA = ROOT / "tests" / "data"
SHANGHAI = timezone(timedelta(hours=8))


def shipped(name: str) -> HistoryMap:
    return load_map(ROOT / "adapters" / "history" / f"{name}.yaml")


async def taken(bus: Bus, file: Path, mapped: HistoryMap) -> dict[str, Ticket]:
    with open_lines(file) as (lines, _):
        summary = await bus.take(lines, mapped=mapped)
    assert (summary.refused_rows, summary.refused_commands, bus.refused.kept) == (0, 0, {})
    return {ticket.source_no: ticket for ticket in await bus.tickets()}


async def test_example_maps_bpi_2013_incidents_end_as_their_last_row_says_at_its_time() -> None:
    file = DATA / "bpi_2013_made_up.csv"
    with file.open(encoding="windows-1252", newline="") as text:
        last = {row["SR Number"]: row for row in csv.DictReader(text, delimiter=";")}
    bus = Bus()
    tickets = await taken(bus, file, shipped("bpi_2013_incidents"))
    assert tickets.keys() == last.keys()
    assert len(tickets) == 30
    ends = {
        "Closed": State.CLOSED,
        "Cancelled": State.CLOSED,
        "In Call": State.RESOLVED,
        "Awaiting Assignment": State.PENDING,
    }
    for number, ticket in tickets.items():
        row = last[number]
        assert ticket.state is ends[row["Sub Status"]]
        assert ticket.last_at == datetime.fromisoformat(row["Change Date+Time"])
        person = "" if ticket.state is State.PENDING else row["Owner First Name"]
        assert (ticket.assignee.person, ticket.region) == (person, row["Country"])
        assert ticket.incident_key == IncidentKey(kind=KeyKind.ORDER, value=f"bpi-2013-incidents:{number}")
    assert {ticket.region for ticket in tickets.values()} >= {"België"}
    assert sum(ticket.reopens for ticket in tickets.values()) == 5


async def test_example_maps_a_help_desk_row_tells_each_step_at_its_own_time() -> None:
    bus = Bus()
    tickets = await taken(bus, DATA / "help_desk_made_up.csv", shipped("help_desk_export"))
    states = {number: ticket.state for number, ticket in tickets.items()}
    assert states == {
        "1": State.CLOSED,
        "2": State.RESOLVED,
        "3": State.IN_PROGRESS,
        "4": State.IN_PROGRESS,
        "5": State.PENDING,
        "6": State.ASSIGNED,
        "7": State.CLOSED,
    }
    closed = tickets["1"]
    assert closed.opened_at == datetime(2026, 1, 5, 9, tzinfo=SHANGHAI)
    assert closed.resolved_at == datetime(2026, 1, 5, 16, 30, tzinfo=SHANGHAI)
    assert closed.closed_at == datetime(2026, 1, 6, 10, tzinfo=SHANGHAI)
    assert (closed.assignee.person, closed.title) == ("王强", "压缩机异响")
    assert tickets["4"].paused_for is WaitingFor.CUSTOMER
    assert tickets["3"].opened_at == datetime(2026, 1, 5, 8, tzinfo=UTC)


async def test_example_maps_a_help_desk_row_brings_customer_serial_description_and_key() -> None:
    bus = Bus()
    tickets = await taken(bus, DATA / "help_desk_made_up.csv", shipped("help_desk_export"))
    opened = {
        number: one.event
        for number, ticket in tickets.items()
        for one in bus.store.log[ticket.ticket_id]
        if isinstance(one.event, TicketOpened)
    }
    first = opened["1"]
    assert first.customer == Customer(name="王女士", phone="13800000001", address="上海市浦东新区示例路 1 号")
    assert (first.serial, first.priority) == ("SN-2024-0001", "高")
    assert first.description == "开机后有异响,\n约三分钟后停止"
    assert first.incident_key == IncidentKey(kind=KeyKind.SERIAL, value="SN-2024-0001")
    assert opened["3"].incident_key == IncidentKey(kind=KeyKind.ORDER, value="help-desk:3")
    assert (opened["3"].serial, opened["2"].description, opened["4"].customer.address) == ("", "", "")


async def test_example_maps_times_that_cannot_be_are_said_in_a_note() -> None:
    bus = Bus()
    tickets = await taken(bus, DATA / "help_desk_made_up.csv", shipped("help_desk_export"))
    notes = {
        number: [one.event.text for one in bus.store.log[ticket.ticket_id] if isinstance(one.event, NoteAdded)]
        for number, ticket in tickets.items()
    }
    assert {number for number, texts in notes.items() if texts} == {"6", "7"}
    assert notes["6"] == ["resolved: 2026-02-02 04:00:00 UTC,但状态是“已指派” / yet the ticket is assigned"]
    assert notes["7"][0].startswith("resolved: 2026-01-08 01:00:00 UTC 早于上一步,按 2026-01-08 01:00:30 UTC 计")
    assert tickets["7"].resolved_at == tickets["7"].opened_at


HEADER = "id,subject,status,priority,requester,phone,created,resolved,closed\n"
OPEN = "7,漏水,Open,高,王女士,13800000001,2026-01-05 09:00:00,,\n"
CLOSED = "7,漏水了,Closed,高,王女士,13800000001,2026-01-05 09:00:00,2026-01-05 10:00:00,2026-01-06 10:00:00\n"


def export(*rows: str) -> list[bytes]:
    return [line.encode("gb18030") for line in (HEADER, *rows)]


async def test_example_maps_a_later_export_adds_what_is_new_and_the_same_one_nothing() -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    assert (await bus.take(export(OPEN), mapped=mapped)).opened == 1
    later = await bus.take(export(CLOSED), mapped=mapped)
    assert (later.opened, later.repeated, later.changed, later.refused_commands) == (0, 1, 5, 0)
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.closed_at) == (State.CLOSED, datetime(2026, 1, 6, 10, tzinfo=SHANGHAI))
    again = await bus.take(export(CLOSED, CLOSED), mapped=mapped)
    assert (again.repeated, again.changed, again.refused_commands) == (12, 0, 0)


AGENT_HEADER = HEADER.replace("\n", ",agent\n")


def worked_on(status: str, agent: str, number: int = 7, closed: str = ",") -> list[bytes]:
    row = f"{number},漏水,{status},高,王女士,13800000001,2026-01-05 09:00:00,{closed},{agent}\n"
    return [line.encode("gb18030") for line in (AGENT_HEADER, row)]


@pytest.mark.parametrize(("status", "state"), [("In Progress", State.IN_PROGRESS), ("Open", State.ASSIGNED)])
async def test_example_maps_a_later_export_may_name_somebody_else(status: str, state: State) -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    await bus.take(worked_on(status, "李敏"), mapped=mapped)
    later = await bus.take(worked_on(status, "王强"), mapped=mapped)
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.assignee.person, later.refusals) == (state, "王强", ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("Pending", "李敏"), ("In Progress", "李敏")),
        (("Open", "李敏"), ("Open", "")),
        (("Closed", "李敏", 7, "2026-01-05 10:00:00,2026-01-05 11:00:00"), ("Open", "李敏")),
    ],
    ids=["goes on", "nobody's again", "open again"],
)
async def test_example_maps_a_step_back_in_a_later_export_is_listed(
    before: tuple[str, str], after: tuple[str, str]
) -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    await bus.take(worked_on(*before), mapped=mapped)
    assert not bus.refused.kept
    later = await bus.take(worked_on(*after), mapped=mapped)
    assert [(one.code, one.lines) for one in later.refusals] == [("not_taken_over", (2,))]
    [kept] = bus.refused.kept.values()
    assert kept.body == worked_on(*after)[1]


async def test_example_maps_a_report_that_joined_does_not_close_another_s_ticket_and_is_listed() -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    header = HEADER.replace("\n", ",serial_no\n")
    first = OPEN.replace("\n", ",SN-K1\n")
    second = CLOSED.replace("7,", "8,", 1).replace("\n", ",sn-k1\n")
    file = [line.encode("gb18030") for line in (header, first, second)]
    done = await bus.take(file, mapped=mapped)
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.source_no) == (State.PENDING, "7")
    assert (done.opened, done.joined, done.changed, done.refused_commands) == (1, 1, 0, 0)
    assert [(one.code, one.lines) for one in done.refusals] == [("not_taken_over", (3,))]
    again = await bus.take(file, mapped=mapped)
    assert ([(one.code, one.lines) for one in again.refusals], again.joined) == ([("not_taken_over", (3,))], 0)


async def test_example_maps_a_report_that_joined_and_ended_as_its_ticket_is_not_listed() -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    header = HEADER.replace("\n", ",serial_no\n")
    rows = [CLOSED.replace("7,", f"{number},", 1).replace("\n", ",SN-K1\n") for number in (7, 8)]
    first = rows[0].replace("Closed", "Pending").replace("2026-01-05 10:00:00,2026-01-06 10:00:00", ",")
    await bus.take([line.encode("gb18030") for line in (header, first)], mapped=mapped)
    await bus.take([line.encode("gb18030") for line in (header, rows[1])], mapped=mapped)
    assert [one.state for one in await bus.tickets()] == [State.IN_PROGRESS]
    done = await bus.take([line.encode("gb18030") for line in (header, *rows)], mapped=mapped)
    [ticket] = await bus.tickets()
    assert (ticket.state, done.refusals) == (State.CLOSED, ())


async def test_example_maps_two_sources_with_one_number_are_two_tickets() -> None:
    bus, mapped = Bus(), shipped("help_desk_export")
    await bus.take(export(OPEN), mapped=mapped)
    await bus.take(export(OPEN), mapped=mapped.model_copy(update={"source": "other-desk"}))
    assert len(await bus.tickets()) == 2


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        (OPEN.replace("2026-01-05 09:00:00", ""), "missing", "created"),
        (OPEN.replace("Open", "Closed"), "missing", "closed"),
        (OPEN.replace("Open", "Offen"), "unknown_state_word", "status"),
        (CLOSED.replace("2026-01-06 10:00:00", "06.01.2026"), "bad_time", "closed"),
    ],
)
async def test_example_maps_a_row_that_lacks_what_its_state_needs_is_refused(row: str, code: str, field: str) -> None:
    bus = Bus()
    await bus.take(export(row), mapped=shipped("help_desk_export"))
    assert [(one.code, one.field) for one in bus.refused.kept.values()] == [(code, field)]
    assert await bus.tickets() == []


async def test_example_maps_a_step_without_a_time_of_its_own_is_implied() -> None:
    bus = Bus()
    await bus.take(export(CLOSED), mapped=shipped("help_desk_export"))
    [events] = bus.store.log.values()
    assert [(type(one.event), one.implied, f"{one.occurred_at:%d %H:%M}") for one in events] == [
        (TicketOpened, False, "05 01:00"),
        (TicketAssigned, True, "05 01:00"),
        (WorkStarted, True, "05 01:00"),
        (TicketResolved, False, "05 02:00"),
        (ClosureRequested, True, "06 02:00"),
        (ClosureConfirmed, False, "06 02:00"),
    ]


async def test_example_maps_assignment_and_pause_have_times_where_the_file_has() -> None:
    mapped = shipped("help_desk_export")
    columns = mapped.columns.model_copy(update={"assigned_at": "assigned", "updated_at": "updated"})
    bus = Bus()
    header = HEADER.replace("\n", ",agent,assigned,updated\n")
    row = OPEN.replace("Open", "Pending").replace("\n", ",李敏,2026-01-05 09:20:00,2026-01-05 11:00:00\n")
    file = [line.encode("gb18030") for line in (header, row)]
    await bus.take(file, mapped=mapped.model_copy(update={"columns": columns}))
    [events] = bus.store.log.values()
    assert [(type(one.event), one.implied, f"{one.occurred_at:%H:%M}") for one in events] == [
        (TicketOpened, False, "01:00"),
        (TicketAssigned, False, "01:20"),
        (WorkStarted, True, "01:20"),
        (WorkPaused, False, "03:00"),
    ]
