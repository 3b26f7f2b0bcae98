"""The import as a whole, on a bus in memory: it agrees with the oracle, repeats nothing and loses nothing."""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.history.importer import Summary
from adapters.history.map_file import KeyColumn
from adapters.history.rows import open_lines
from bus.domain.batch import Outcome
from bus.domain.commands import Request
from bus.domain.errors import StoreUnavailable
from bus.domain.events import NoteAdded, TicketEscalated
from bus.domain.promise_events import SlaBreached, SlaWarned
from bus.domain.terms import KeyKind, State
from bus.domain.text import Text
from bus.intake.dead_letter_limit import IN_A_ROW, LAST, SHARE_MAX
from bus.intake.dispatch import Dispatcher
from bus.wire.rejected_input import RejectedInput
from tests.history.oracle import Expected, compare, expected
from tests.history.uci import MAP, SAMPLE, Bus, lines, row, states

EVENTS_OF_THE_SAMPLE = 3124
REFUSED = {line.split(b",")[0] for line in SAMPLE if b",-100," in line}
SOME = {*sorted({line.split(b",")[0] for line in SAMPLE[1:]})[::4], *REFUSED}
FEW = [line for line in SAMPLE if line.split(b",")[0] in {*SOME, b"number"}]


def oracle(file: Sequence[bytes]) -> dict[str, Expected]:
    return expected(csv.DictReader(line.decode() for line in file))


async def test_import_the_sample_agrees_with_the_oracle() -> None:
    bus = Bus()
    summary = await bus.take(SAMPLE)
    assert compare(oracle(SAMPLE), await bus.listed()) == []
    assert (summary.rows, summary.opened, summary.refused_rows) == (2197, 300, 3)
    assert summary.opened + summary.changed + summary.notes == EVENTS_OF_THE_SAMPLE
    assert (summary.repeated, summary.refused_commands, summary.joined, summary.unchanged) == (0, 0, 0, 0)


async def test_import_refused_rows_are_kept_with_their_line_and_their_bytes() -> None:
    bus = Bus()
    await bus.take(SAMPLE)
    refused = [(number, line) for number, one in oracle(SAMPLE).items() for line in one.refused_lines]
    kept = sorted(bus.refused.kept.values(), key=lambda one: int(one.headers["line"]))
    assert [one.headers["line"] for one in kept] == [str(line) for _, line in refused]
    assert [one.body for one in kept] == [SAMPLE[line - 1] for _, line in refused]
    assert {(one.origin, one.code) for one in kept} == {("import:uci-incident-log", "unknown_state_word")}
    traces = {ticket.trace_id for ticket in await bus.tickets() if ticket.source_no == refused[0][0]}
    assert {one.trace_id for one in kept} == traces


async def test_import_a_row_that_has_changed_since_is_refused_in_words_about_rows() -> None:
    bus, (header, first, *_) = Bus(), SAMPLE
    await bus.take([header, first])
    done = await bus.take([header, first.replace(b",Active,", b",Resolved,").replace(b",New,", b",Active,")])
    assert {(one.code, one.field) for one in done.refusals} == {("imported_otherwise", "number")}


async def test_import_the_past_is_historic_settles_its_own_clocks_and_rings_nothing() -> None:
    bus = Bus()
    await bus.take(SAMPLE)
    for ticket in await bus.tickets():
        assert ticket.historic
        assert ticket.state is State.CLOSED
        assert ticket.resolution.running_since is None
        assert ticket.resolution.settled_at == ticket.resolved_at
    recorded = [one for events in bus.store.log.values() for one in events]
    assert all(one.historic for one in recorded)
    assert not any(isinstance(one.event, SlaWarned | SlaBreached | TicketEscalated) for one in recorded)


async def test_import_a_second_import_changes_nothing() -> None:
    bus = Bus()
    first = await bus.take(SAMPLE)
    before = {number: list(events) for number, events in bus.store.log.items()}
    second = await bus.take(SAMPLE, batch_size=37)
    assert bus.store.log == before
    assert len(bus.refused.kept) == 3
    repeated = first.opened + first.changed + first.notes
    assert second == Summary(rows=2197, repeated=repeated, refused_rows=3, refusals=first.refusals)


@settings(max_examples=10, deadline=None)
@given(cut=st.integers(1, len(FEW)), batch_size=st.sampled_from([1, 7, 100, 1000]))
def test_import_a_file_cut_after_any_row_gives_that_row_s_state_and_the_whole_goes_on(
    cut: int, batch_size: int
) -> None:
    async def both() -> None:
        bus, part = Bus(), FEW[:cut]
        await bus.take(part, batch_size=batch_size)
        assert compare(oracle(part), await bus.listed()) == []
        done = await bus.take(FEW, batch_size=batch_size)
        assert compare(oracle(FEW), await bus.listed()) == []
        recorded = [one.event for events in bus.store.log.values() for one in events]
        assert len(recorded) == done.opened + done.changed + done.notes + done.repeated

    asyncio.run(both())


async def test_import_incidents_whose_rows_are_mixed_go_on_where_they_stood() -> None:
    rows = sorted(SAMPLE[1:], key=lambda line: int(line.split(b",")[5]))
    bus = Bus()
    await bus.take([SAMPLE[0], *rows])
    assert compare(oracle(SAMPLE), await bus.listed()) == []


@pytest.mark.parametrize("person", ["Ada", "?"])
async def test_import_back_to_the_queue_is_pending_with_nobody_and_goes_on_from_there(person: str) -> None:
    paused = [*states("New", "Active", "Awaiting Vendor", person=person), row("New", person="?", minute=3)]
    bus = Bus()
    await bus.take(lines(paused))
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.assignee.person, ticket.paused_for) == (State.PENDING, "", None)
    assert ticket.resolution.running_since is not None
    await bus.take(lines([*paused, row("Active", person="Bob", minute=4), row("Closed", person="Bob", minute=5)]))
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.assignee.person, ticket.reopens, len(bus.refused.kept)) == (State.CLOSED, "Bob", 0, 0)


async def test_import_later_rows_of_a_report_that_joined_move_no_other_s_ticket() -> None:
    mapped = MAP.model_copy(update={"incident_key": KeyColumn(kind=KeyKind.SERIAL, column="cmdb_ci")})
    first = row("Active", cmdb_ci="SN-K1")
    joined = [row(word, minute=minute, number="INC2", cmdb_ci="SN-K1") for minute, word in enumerate(["New", "Closed"])]
    for batch_size in (1000, 1):
        bus = Bus()
        done = await bus.take(lines([first, *joined]), mapped=mapped, batch_size=batch_size)
        [ticket] = await bus.tickets()
        assert (ticket.state, ticket.source_no, done.joined, done.stopped) == (State.IN_PROGRESS, "INC1", 1, None)
        assert [one.code for one in done.refusals] == ["not_taken_over"]
        assert 4 in done.refusals[0].lines
        later = [first, row("Closed", minute=9, cmdb_ci="SN-K1"), *joined]
        await bus.take(lines(later), mapped=mapped, batch_size=batch_size)
        [ticket] = await bus.tickets()
        assert (ticket.state, f"{ticket.closed_at:%M}") == (State.CLOSED, "09")


async def test_import_a_file_of_many_reports_that_joined_does_not_stop() -> None:
    mapped = MAP.model_copy(update={"incident_key": KeyColumn(kind=KeyKind.SERIAL, column="cmdb_ci")})
    reports = [row("Closed", number=f"INC{number}", cmdb_ci="SN-K1") for number in range(2 * IN_A_ROW)]
    done = await Bus().take(lines([row("Active", number="INC", cmdb_ci="SN-K1"), *reports]), mapped=mapped)
    assert (done.opened, done.joined, done.stopped) == (1, 2 * IN_A_ROW, None)
    assert [(one.code, one.count) for one in done.refusals] == [("not_taken_over", 2 * IN_A_ROW)]


async def test_import_a_person_who_turns_unknown_leaves_work_as_the_source_shows_it() -> None:
    bus = Bus()
    await bus.take(lines([row("Active"), row("Active", person="?", minute=1)]))
    [ticket] = await bus.tickets()
    assert (ticket.state, ticket.assignee.person) == (State.IN_PROGRESS, "")


async def test_import_empty_rows_are_counted_and_are_no_rows() -> None:
    header, first = lines([row("Active")])
    padding = b"," * header.count(b",") + b"\n"
    done = await Bus().take([header, *[padding] * 150, first, b"\n", padding])
    assert (done.rows, done.empty_rows, done.opened, done.stopped) == (1, 152, 1, None)


async def test_import_a_note_names_its_columns_in_the_log() -> None:
    bus = Bus()
    await bus.take(lines([row("Active"), row("Active", minute=1, assignment_group="Group 2")]))
    [events] = bus.store.log.values()
    assert events[-1].event == NoteAdded(text="", changed=("assignment_group",))


async def test_import_broken_rows_are_kept_and_the_rest_goes_in() -> None:
    bus = Bus()
    header, first, second = lines(states("New", "Active"))
    summary = await bus.take([header, first, b"half a row\n", b"\xff,\n", second])
    assert (summary.opened, summary.refused_rows) == (1, 2)
    assert sorted(one.headers["line"] for one in bus.refused.kept.values()) == ["3", "4"]
    assert {ticket.state for ticket in await bus.tickets()} == {State.IN_PROGRESS}


async def test_import_what_the_domain_declines_is_kept_with_its_row_once_and_with_the_first_reason() -> None:
    bus = Bus()
    file = lines([row("New", sys_updated_at="1/3/2099 09:00")])
    summary = await bus.take(file)
    assert replace(summary, refusals=()) == Summary(rows=1, refused_commands=2)
    assert [(one.code, one.count, one.lines) for one in summary.refusals] == [
        ("in_future", 1, (2,)),
    ]
    assert summary.nothing_taken
    assert {(one.code, one.body) for one in bus.refused.kept.values()} == {
        ("in_future", file[1]),
    }
    await bus.take(file)
    assert len(bus.refused.kept) == 1


async def test_import_a_file_of_rows_that_cannot_be_read_is_refused_whole_and_goes_in_when_it_is_mended() -> None:
    header, good, after = lines([row("New"), row("New", number="INC2")])
    bad = (f"half a row {number}\n".encode() for number in range(10**9))  # no disk holds this many
    bus = Bus()
    stopped = await bus.take(chain([header, good], bad))
    assert stopped.stopped == Text("连续 100 行被拒(至第 102 行)", "100 refused rows in a row up to line 102")
    assert (len(bus.refused.kept), await bus.tickets()) == (IN_A_ROW, [])
    summary = await bus.take([header, good, after])
    assert (summary.opened, summary.repeated) == (2, 0)


async def test_import_stops_when_a_fifth_of_the_last_rows_is_refused_and_not_before() -> None:
    header, *good = lines(row("New", number=f"INC{number}") for number in range(LAST))
    most, half, bad = int(LAST * SHARE_MAX), IN_A_ROW // 2, b"half a row\n"

    def mixed(refused: int) -> list[bytes]:
        return [header, *[bad] * half, *good[refused:], *[bad] * (refused - half)]

    whole, stopped = await Bus().take(mixed(most)), await Bus().take(mixed(most + 1))
    assert (whole.refused_rows, whole.stopped) == (most, None)
    assert stopped.stopped
    assert stopped.stopped.en == f"{most + 1} of the last {LAST} are refused rows up to line {LAST + 1}"


async def test_import_stops_when_a_hundred_rows_in_a_row_are_declined_and_goes_on_when_they_are_mended() -> None:
    def file(year: int) -> list[bytes]:
        times = chain(["1/3/2016 09:00"], [f"1/3/{year} 09:00"] * 3000)
        return lines(row("New", number=f"INC{number}", sys_updated_at=time) for number, time in enumerate(times))

    bus = Bus()
    stopped = (await bus.take(file(2099), batch_size=202)).stopped
    assert stopped
    assert stopped.en == "100 refused rows in a row up to line 102"
    assert len(bus.refused.kept) == 100  # the batch at hand, a row once though it has two commands
    assert [ticket.source_no for ticket in await bus.tickets()] == ["INC0"]
    summary = await bus.take(file(2016))
    assert (summary.opened, summary.repeated, summary.stopped) == (3000, 2, None)


class Absent(Dispatcher):
    """A dispatcher whose store is away for some calls."""

    away = 0

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        if Absent.away:
            Absent.away -= 1
            raise StoreUnavailable("PostgreSQL is away")
        return await super().dispatch(requests)


def with_absences(bus: Bus, calls: int) -> Bus:
    Absent.away = calls
    bus.dispatcher = Absent(store=bus.store, rules=bus.dispatcher.rules, now=bus.dispatcher.now)
    return bus


async def test_import_a_store_that_comes_back_in_time_is_waited_for() -> None:
    bus = with_absences(Bus(), 2)
    assert (await bus.take(SAMPLE, patience_s=30.0)).opened == 300


async def test_import_a_store_that_stays_away_stops_the_import_with_a_word_on_how_to_go_on() -> None:
    bus = with_absences(Bus(), 10**9)
    with pytest.raises(StoreUnavailable, match="Run the same command again"):
        await bus.take(SAMPLE, patience_s=0.2)
    assert bus.store.log == {}


class Shut:
    """A store of refused input that is away."""

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        raise StoreUnavailable(f"away with {len(inputs)} inputs")


async def test_import_refused_rows_are_not_lost_when_their_store_is_away() -> None:
    bus = Bus()
    with pytest.raises(StoreUnavailable):
        await bus.take(SAMPLE, refused=Shut(), patience_s=0.1)
    await bus.take(SAMPLE)
    assert len(bus.refused.kept) == 3


async def test_import_the_full_data_agrees_with_the_oracle(full_data: Path) -> None:
    with open_lines(full_data) as (file, _):
        whole = list(file)
    bus, start = Bus(), monotonic()
    summary = await bus.take(whole)
    elapsed_s = monotonic() - start
    assert compare(oracle(whole), await bus.listed()) == []
    assert replace(summary, changed=0, notes=0, refusals=()) == Summary(rows=70_556, opened=12_398, refused_rows=3)
    print(f"{summary.rows} rows, {summary.opened + summary.changed + summary.notes} events in {elapsed_s:.1f} s")
