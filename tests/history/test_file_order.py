"""Rows that do not stand in their order: they are put in order or refused, never folded as they stand."""

import sqlite3
from collections.abc import Iterable, Sequence
from random import Random

import pytest

from adapters.history.file_order import NoSpaceToSort, rows_in_order
from adapters.history.map_file import CustomerColumns, HistoryMap, KeyColumn, load_map
from bus.domain.events import NoteAdded
from bus.domain.terms import CommandId, KeyKind, State
from tests.history.uci import HEADER, MAP, ROOT, SAMPLE, Bus, lines, row, states

BY_TIME = MAP.model_copy(update={"order": None})
NUMBERS = {*sorted({line.split(b",")[0] for line in SAMPLE[1:]})[::8]} | {
    line.split(b",")[0] for line in SAMPLE if b",-100," in line
}
FEW = [line for line in SAMPLE if line.split(b",")[0] in {b"number", *NUMBERS}]
LIFE = ("New", "Active", "Awaiting User Info", "Active", "Awaiting Vendor", "Active", "Resolved", "Closed")


def shuffled(file: Sequence[bytes]) -> list[bytes]:
    """Give the header and the rows behind it in another order, the same each time."""
    rows = list(file[1:])
    Random(7).shuffle(rows)  # noqa: S311 - no secret, the same order each time
    return [file[0], *rows]


def effects(bus: Bus) -> dict[CommandId, tuple[str, str, object]]:
    """Give each command's event, its time and what it says."""
    recorded = [one for events in bus.store.log.values() for one in events]
    return {one.command_id: (type(one.event).__name__, one.occurred_at.isoformat(), one.event) for one in recorded}


def placed(file: Iterable[bytes], mapped: HistoryMap = MAP) -> tuple[list[int], int, int]:
    """Give the lines in order, how many were moved and how many are tied."""
    with rows_in_order(file, mapped) as ordered:
        return [one.row.line for one in ordered], ordered.moved, ordered.tied


@pytest.mark.parametrize("mapped", [MAP, BY_TIME], ids=["counter", "time"])
async def test_file_order_an_incident_told_in_any_order_ends_as_it_ended(mapped: HistoryMap) -> None:
    bus, in_order = Bus(), Bus()
    file = lines(states(*LIFE))
    await in_order.take(file, mapped=mapped)
    summary = await bus.take(shuffled(file), mapped=mapped)
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.pauses, summary.refused_rows) == (State.CLOSED, 2, 0)
    assert summary.moved_rows > 0
    assert effects(bus) == effects(in_order)


async def test_file_order_a_log_whose_incidents_are_mixed_gives_the_same_commands_and_can_be_imported_again() -> None:
    bus, in_order = Bus(), Bus()
    await in_order.take(FEW)
    await bus.take(shuffled(FEW))
    assert effects(bus) == effects(in_order)
    again = await bus.take(FEW)
    assert (again.opened, again.changed, again.notes, again.refused_rows) == (0, 0, 0, 3)


async def test_file_order_a_log_in_order_is_taken_line_by_line() -> None:
    assert placed(SAMPLE) == (list(range(2, len(SAMPLE) + 1)), 0, 0)


async def test_file_order_where_a_clock_ran_ahead_the_counter_rules_and_the_row_s_own_time_is_noted() -> None:
    first, *rest = states("New", "Active", "Resolved", "Closed")
    bus = Bus()
    summary = await bus.take(shuffled(lines([first | {"sys_updated_at": "1/3/2016 09:30"}, *rest])))
    [ticket] = await bus.tickets()
    [events] = bus.store.log.values()
    assert (ticket.state, summary.late_rows) == (State.CLOSED, 3)
    assert {f"{one.occurred_at:%H:%M}" for one in events} == {"09:30"}
    notes = [one.event.text for one in events if isinstance(one.event, NoteAdded)]
    assert [note.partition(" 早于上一行,按 2016-03-01 09:30:00 UTC 计 / ")[0] for note in notes] == [
        f"sys_updated_at: 1/3/2016 09:0{minute}" for minute in (1, 2, 3)
    ]


async def test_file_order_a_time_still_to_come_is_refused_alone() -> None:
    rows = [row("Active"), row("Active", urgency="1", sys_updated_at="1/3/2099 09:00", sys_mod_count="1")]
    bus = Bus()
    summary = await bus.take(lines([*rows, row("Resolved", minute=2)]))
    [ticket] = await bus.tickets()
    assert (ticket.state, summary.refused_commands, summary.late_rows) == (State.RESOLVED, 1, 0)


async def test_file_order_a_late_row_that_is_a_note_says_both_in_one() -> None:
    first, second = row("Active", minute=5, sys_mod_count="1"), row("Active", minute=1, sys_mod_count="2", urgency="1")
    bus = Bus()
    await bus.take(lines([first, second]))
    [events] = bus.store.log.values()
    note = events[-1].event
    assert isinstance(note, NoteAdded)
    assert (note.changed, note.text.startswith("sys_updated_at: 1/3/2016 09:01 ")) == (("urgency",), True)


def test_file_order_a_counter_is_a_number_and_not_a_text() -> None:
    file = lines(row("Active", sys_mod_count=count) for count in ("10", "9", " 2 ", "1.0", "007"))
    assert placed(file)[0] == [5, 4, 6, 3, 2]


def test_file_order_equal_places_stand_as_in_the_file_and_are_counted_where_it_is_not_in_order() -> None:
    file = lines(row("Active", minute=minute) for minute in (1, 1, 0, 0, 0))
    assert placed(file, BY_TIME) == ([4, 5, 6, 2, 3], 1, 3)
    assert placed([file[0], *file[3:], *file[1:3]], BY_TIME) == ([2, 3, 4, 5, 6], 0, 0)


def test_file_order_a_row_without_a_readable_place_shares_none() -> None:
    assert placed(lines(row("Active", sys_mod_count=count) for count in ("3", "1", "x"))) == ([3, 2, 4], 1, 0)


@pytest.mark.parametrize("count", ["?", "", "1.5", "zwei", "-1", "99999999999999999999"])
async def test_file_order_a_row_whose_place_cannot_be_read_is_refused_and_the_ids_of_the_others_stay(
    count: str,
) -> None:
    bus, whole = Bus(), Bus()
    rows = states("New", "Active", "Active", "Closed")
    rows[2]["impact"] = "1"
    await whole.take(lines(rows))
    rows[2]["sys_mod_count"] = count
    summary = await bus.take(lines(rows))
    [kept] = bus.refused.kept.values()
    assert (summary.refused_rows, kept.headers["line"], kept.field) == (1, "4", "sys_mod_count")
    assert kept.code == ("missing" if count in {"?", ""} else "bad_order")
    missing = effects(whole).keys() - effects(bus).keys()
    assert [effects(whole)[one][0] for one in missing] == ["NoteAdded"]


async def test_file_order_a_file_that_lacks_the_order_column_names_it() -> None:
    header = ",".join(name for name in HEADER if name != "sys_mod_count").encode()
    with pytest.raises(Exception, match="sys_mod_count"), rows_in_order([header + b"\n"], MAP):
        pass


def test_file_order_a_full_disk_says_where_room_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_database: str, **_options: object) -> sqlite3.Connection:
        disk = sqlite3.Connection("", isolation_level=None)
        disk.execute("PRAGMA max_page_count = 50")
        return disk

    monkeypatch.setattr("adapters.history.file_order.sqlite3.connect", full)
    with pytest.raises(NoSpaceToSort, match="SQLITE_TMPDIR"), rows_in_order(SAMPLE, MAP):
        pass


@pytest.mark.parametrize("mapped", [MAP, BY_TIME], ids=["counter", "time"])
@pytest.mark.parametrize("batch_size", [2, 1000])
async def test_file_order_a_report_joins_the_ticket_that_is_open_by_then_though_it_closes_further_up(
    mapped: HistoryMap, batch_size: int
) -> None:
    keyed = mapped.model_copy(update={"incident_key": KeyColumn(kind=KeyKind.PHONE, column="cmdb_ci")})
    first = [row("New", cmdb_ci="13812345678"), row("Closed", minute=8, cmdb_ci="138-1234-5678")]
    second = [row("New", number="INC2", minute=5, cmdb_ci="+86 13812345678"), row("Closed", number="INC2", minute=9)]
    later = row("New", number="INC3", minute=9, cmdb_ci="13812345678")
    bus = Bus()
    done = await bus.take(lines([*first, *second, later]), mapped=keyed, batch_size=batch_size)
    assert (done.opened, done.joined, done.refusals) == (2, 1, ())
    assert [(one.source_no, one.state) for one in await bus.tickets()] == [
        ("INC1", State.CLOSED),
        ("INC3", State.ASSIGNED),
    ]


async def test_file_order_rows_of_one_a_ticket_join_what_is_open_by_then_and_not_what_is_closed() -> None:
    rows = (
        "1,Closed,printer,Lin,2026-01-05 10:00:00,2026-01-05 10:50:00,2026-01-05 11:00:00,SN-1",
        "2,Closed,printer,Lin,2026-01-05 10:05:00,2026-01-05 11:05:00,2026-01-05 11:10:00,sn-1",
        "3,Closed,printer,Lin,2026-01-05 10:00:00,2026-01-05 10:01:00,2026-01-05 10:02:00,SN-2",
        "4,Closed,printer,Lin,2026-01-05 10:05:00,2026-01-05 10:06:00,2026-01-05 10:07:00,SN-2",
    )
    file = "\n".join(("id,status,subject,agent,created,resolved,closed,serial_no", *rows)).encode().splitlines(True)
    mapped = load_map(ROOT / "adapters" / "history" / "help_desk_export.yaml").model_copy(
        update={"customer": CustomerColumns(), "priority": None}
    )
    bus = Bus()
    done = await bus.take(file, mapped=mapped)
    assert (done.opened, done.joined, done.refusals) == (3, 1, ())
    assert [(one.source_no, one.state) for one in await bus.tickets()] == [
        (number, State.CLOSED) for number in ("1", "3", "4")
    ]
