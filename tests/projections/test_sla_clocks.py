"""The read model `sla_clocks`, folded purely."""

from datetime import datetime, timedelta

from bus.domain.commands import Accept, Command, Start
from bus.domain.inside_commands import WarnSla
from bus.domain.terms import ClockName
from projections.sla_clocks import ClockRow, ClockState, clock_rows
from projections.ticket_model import fold
from tests.domain.given import At
from tests.domain.people import ASSIGN, ASSIGNED, HOUR, MINUTE, OPEN, PAUSE, REOPEN, RESOLVE, RESUME, RULES, START
from tests.projections.told import folded, told

LIMIT = RULES.sla["hardware_fault"]


def clocks(*commands: Command | At, **own: object) -> dict[ClockName, ClockRow]:
    """Tell how the promises stand after a story."""
    ticket = folded(fold, told(*commands, **own))
    assert ticket is not None
    return {row.clock: row for row in clock_rows(ticket)}


def later(minutes: float, command: Command) -> At:
    """Let a command come so many minutes after the start."""
    return At(START + timedelta(minutes=minutes), command)


def test_sla_clocks_a_fresh_ticket_has_both_promises_running_and_wants_attention_at_80_percent() -> None:
    rows = clocks(OPEN)
    response = rows[ClockName.FIRST_RESPONSE]
    assert (response.state, response.limit_s) == (ClockState.RUNNING, 900)
    assert (response.due_at, response.warn_at) == (START + 15 * MINUTE, START + 12 * MINUTE)
    assert response.next_alarm_at == response.warn_at
    assert rows[ClockName.RESOLUTION].due_at == START + LIMIT.resolution


def test_sla_clocks_a_warned_promise_wants_attention_when_due() -> None:
    response = clocks(OPEN, later(12, WarnSla(clock=ClockName.FIRST_RESPONSE)))[ClockName.FIRST_RESPONSE]
    assert response.next_alarm_at == response.due_at == START + 15 * MINUTE


def test_sla_clocks_a_claim_in_time_keeps_the_first_promise() -> None:
    response = clocks(*ASSIGNED, later(5, Accept()))[ClockName.FIRST_RESPONSE]
    assert (response.state, response.settled_at) == (ClockState.MET, START + 5 * MINUTE)
    assert (response.due_at, response.next_alarm_at) == (None, None)


def test_sla_clocks_a_late_claim_breaks_it_at_the_time_it_fell_due() -> None:
    response = clocks(*ASSIGNED, later(20, Accept()))[ClockName.FIRST_RESPONSE]
    assert (response.state, response.breached_at) == (ClockState.BREACHED, START + 15 * MINUTE)
    assert response.next_alarm_at is None


def test_sla_clocks_a_pause_lets_the_second_promise_stand_and_a_resume_moves_it_on() -> None:
    worked = (OPEN, ASSIGN, later(5, Start()), later(30, PAUSE))
    assert clocks(*worked)[ClockName.RESOLUTION].state is ClockState.PAUSED
    assert clocks(*worked)[ClockName.RESOLUTION].next_alarm_at is None
    resumed = clocks(*worked, later(90, RESUME))[ClockName.RESOLUTION]
    assert resumed.state is ClockState.RUNNING
    assert resumed.due_at == START + LIMIT.resolution + HOUR


def test_sla_clocks_a_reopened_ticket_goes_on_where_its_promise_stood() -> None:
    resolved = (OPEN, ASSIGN, later(5, Start()), later(35, RESOLVE))
    assert clocks(*resolved)[ClockName.RESOLUTION].state is ClockState.MET
    again = clocks(*resolved, later(95, REOPEN))[ClockName.RESOLUTION]
    assert (again.state, again.settled_at) == (ClockState.RUNNING, None)
    assert again.due_at == START + HOUR + LIMIT.resolution


def test_sla_clocks_nothing_rings_for_the_imported_past() -> None:
    rows = clocks(OPEN, historic=True).values()
    assert [row.next_alarm_at for row in rows] == [None, None]
    assert all(isinstance(row.due_at, datetime) for row in rows)
