"""Breaches that are withdrawn: what stopped a clock in time was only told after the breach."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from bus.domain.closing_events import TicketResolved
from bus.domain.commands import Accept, Arrive, Command, Depart, Note, RequestParts, Start
from bus.domain.events import (
    AssignmentAccepted,
    EngineerDeparted,
    NoteAdded,
    PartsRequested,
    ReportJoined,
    TicketEscalated,
    WorkPaused,
    WorkStarted,
)
from bus.domain.inside_commands import BreachSla
from bus.domain.promise_events import SlaBreached, SlaBreachWithdrawn
from bus.domain.sla_clock import due_at
from bus.domain.terms import BUS, ClockName, Substate
from bus.process.process_manager import Due, request_of
from bus.process.sla_process import SLA
from projections.sla_clocks import ClockState, clock_rows
from tests.domain.given import At, Story, given, request
from tests.domain.people import ASSIGN, HOUR, MINUTE, OPEN, PART, PAUSE, REOPEN, RESOLVE, RESUME, START, TICK_OF_TIME

RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
RESPONSE_DUE, RESOLUTION_DUE = START + 15 * MINUTE, START + 24 * HOUR
BROKEN_RESPONSE, BROKEN_RESOLUTION = BreachSla(clock=RESPONSE), BreachSla(clock=RESOLUTION)
# Told a day after it happened.
LATE: dict[str, Any] = {"received_at": START + 48 * HOUR}


def unanswered(*more: Command | At) -> Story:
    """Begin with a ticket whose first response is overdue; the timer has said so."""
    return given(OPEN, ASSIGN, At(RESPONSE_DUE, BROKEN_RESPONSE), *more)


def unsolved(*more: Command | At) -> Story:
    """Begin with a ticket that is worked on and whose resolution is overdue; the timer has said so."""
    return given(OPEN, ASSIGN, Start(), At(RESOLUTION_DUE, BROKEN_RESOLUTION), *more)


def withdrawn(clock: ClockName, stopped_at: datetime, *, met: bool = True) -> SlaBreachWithdrawn:
    """Give the event for a promise that was said to have fallen due at its first time."""
    due, limit_s = (RESPONSE_DUE, 900) if clock is RESPONSE else (RESOLUTION_DUE, 86_400)
    return SlaBreachWithdrawn(clock=clock, due_at=due, limit_s=limit_s, stopped_at=stopped_at, met=met)


@pytest.mark.parametrize("command", [Accept(), Depart(), Arrive(), Start()])
def test_withdrawn_is_the_breach_of_a_first_response_that_was_in_time_by_its_own_time(command: Command) -> None:
    late = unanswered().when(At(START + 10 * MINUTE, command), **LATE)
    assert late.events[0] == withdrawn(RESPONSE, START + 10 * MINUTE)
    clock = late.story.ticket.response
    assert (clock.breached_at, clock.settled_at, clock.spent) == (None, START + 10 * MINUTE, 10 * MINUTE)
    assert {row.clock: row.state for row in clock_rows(late.story.ticket)}[RESPONSE] is ClockState.MET


def test_withdrawn_is_the_breach_of_a_resolution_that_was_in_time_by_its_own_time() -> None:
    late = unsolved().when(At(START + 20 * HOUR, RESOLVE), **LATE)
    late.then(withdrawn(RESOLUTION, START + 20 * HOUR), TicketResolved)
    clock = late.story.ticket.resolution
    assert (clock.breached_at, clock.settled_at, clock.spent) == (None, START + 20 * HOUR, 20 * HOUR)


@pytest.mark.parametrize("command", [PAUSE, RequestParts(parts=(PART,), request_no="PR-1", reason="主控板烧毁")])
def test_withdrawn_is_the_breach_of_a_clock_that_a_pause_told_late_had_stopped(command: Command) -> None:
    late = unsolved().when(At(START + 20 * HOUR, command), **LATE)
    asked = [] if command is PAUSE else [PartsRequested]
    late.then(withdrawn(RESOLUTION, START + 20 * HOUR, met=False), *asked, WorkPaused)
    clock = late.story.ticket.resolution
    assert (clock.breached_at, clock.settled_at, clock.running_since) == (None, None, None)
    late.story.when(At(START + 30 * HOUR, RESUME))
    assert due_at(late.story.ticket.resolution) == START + 34 * HOUR
    late.story.when(At(START + 34 * HOUR, BROKEN_RESOLUTION)).then(SlaBreached, TicketEscalated)


minutes = st.integers(0, 60).map(lambda count: START + count * MINUTE)


@any_of(minutes, st.lists(minutes, max_size=3), st.sampled_from([Accept(), Depart(), Arrive(), Start()]), st.booleans())
def test_withdrawn_breaches_leave_the_promise_as_if_all_had_been_told_in_order(
    answered_at: datetime, notes: list[datetime], answer: Command, timer: bool
) -> None:
    others = [At(at, Note(text="催")) for at in sorted(notes)]
    fired = [At(START + HOUR, BROKEN_RESPONSE)] if timer else []
    in_order = sorted([*others, At(answered_at, answer), *fired], key=lambda one: one.at)
    promised, kept = (
        given(OPEN, ASSIGN, *some).ticket.response for some in ([*others, *fired, At(answered_at, answer)], in_order)
    )
    assert promised.breached_at == kept.breached_at
    if kept.breached_at is None and (timer or any(at > RESPONSE_DUE for at in notes)):
        assert promised.settled_at == kept.settled_at == answered_at


def test_withdrawn_in_the_last_moment_and_not_after_it() -> None:
    unanswered().when(At(RESPONSE_DUE, Accept()), **LATE).then(withdrawn(RESPONSE, RESPONSE_DUE), AssignmentAccepted)
    unanswered().when(At(RESPONSE_DUE + TICK_OF_TIME, Accept()), **LATE).then(AssignmentAccepted)
    unsolved().when(At(RESOLUTION_DUE + TICK_OF_TIME, RESOLVE), **LATE).then(TicketResolved)


def test_withdrawn_whatever_else_was_told_of_the_ticket_after_the_breach() -> None:
    story = unanswered(At(START + 30 * MINUTE, Note(text="客户又来电")))
    story.when(At(START + 10 * MINUTE, Accept()), **LATE).then(SlaBreachWithdrawn, AssignmentAccepted)
    assert story.ticket.response.settled_at == START + 10 * MINUTE
    assert story.ticket.last_at == START + 30 * MINUTE


def test_withdrawn_by_an_answer_that_is_told_after_a_late_one() -> None:
    started = At(START + 20 * MINUTE, Start())
    for first in (Accept(), Depart(), Arrive(), Start(substate=Substate.PARTS)):
        story = unanswered(started)
        assert story.when(At(START + 10 * MINUTE, first), **LATE).events[0] == withdrawn(RESPONSE, START + 10 * MINUTE)
        assert story.ticket.response.spent == 10 * MINUTE
        story.when(At(START + 5 * MINUTE, Accept()), **LATE).then_refused("already")


def test_withdrawn_once_and_not_by_what_stops_no_clock() -> None:
    story = unanswered()
    story.when(At(START + MINUTE, Note(text="在路上"))).then(NoteAdded)
    story.when(At(START + 10 * MINUTE, Depart()), **LATE).then(SlaBreachWithdrawn, EngineerDeparted)
    story.when(At(START + 11 * MINUTE, Start()), **LATE).then(WorkStarted)
    assert story.ticket.response.settled_at == START + 10 * MINUTE
    story.when(At(RESPONSE_DUE + MINUTE, BROKEN_RESPONSE)).then()


def test_withdrawn_not_by_what_is_told_as_of_before_the_clock_began_to_run() -> None:
    again = unsolved(At(RESOLUTION_DUE + HOUR, PAUSE), At(RESOLUTION_DUE + 2 * HOUR, RESUME))
    again.when(At(START + 20 * HOUR, RESOLVE), **LATE).then(TicketResolved)


def test_withdrawn_is_told_by_the_bus_at_the_time_when_it_heard_and_moves_no_time_of_the_ticket() -> None:
    late = unanswered().when(At(START + 10 * MINUTE, Accept()), **LATE)
    told, answer = late.settled.events
    assert (told.actor, told.occurred_at) == (BUS, LATE["received_at"])
    assert (answer.actor, answer.occurred_at) == ("陈女士", START + 10 * MINUTE)
    assert (late.story.ticket.last_at, late.story.ticket.last_action) == (START + 10 * MINUTE, "assignment.accepted")


def test_withdrawn_not_for_the_imported_past() -> None:
    story = given(OPEN, ASSIGN, At(RESPONSE_DUE + HOUR, Start()), historic=True)
    story.when(At(START + MINUTE, Start(substate=Substate.PARTS)), historic=True).then(WorkStarted)


def test_withdrawn_a_breach_may_come_again_at_its_very_time_and_the_timer_asks_for_it() -> None:
    story = unsolved()
    told = SLA.react(Due(name=RESOLUTION.value, now=RESOLUTION_DUE), given(OPEN, ASSIGN, Start()).ticket)
    story.when(At(START + 20 * HOUR, PAUSE), **LATE)
    story.when(At(START + 20 * HOUR, RESUME), **LATE)
    again = SLA.react(Due(name=RESOLUTION.value, now=RESOLUTION_DUE), story.ticket)
    assert [one.at for one in told] == [one.at for one in again] == [RESOLUTION_DUE]
    ids = {request_of(story.ticket, one, RESOLUTION_DUE).command_id for one in (*told, *again)}
    assert len(ids) == 2


def test_withdrawn_a_report_that_joins_late_tells_of_the_breach_before_it_moves_the_ticket_s_time() -> None:
    story = given(replace(OPEN, source_no="C-9"))
    second = request(replace(OPEN, source_no="C-10"), 99, at=START + 14 * MINUTE, received_at=START + 14 * MINUTE)
    story.ask(second).then(ReportJoined)
    third = replace(OPEN, source_no="C-9", incident_key=replace(OPEN.incident_key, value="SN-1"))
    story.ask(request(third, 100, at=START + HOUR)).then(SlaBreached, TicketEscalated, ReportJoined)


def test_withdrawn_due_is_never_later_than_the_breach_however_long_the_clock_ran_and_stood_afterwards() -> None:
    later = RESOLUTION_DUE + HOUR
    ways: list[tuple[Command, Command]] = [(PAUSE, RESUME), (RESOLVE, REOPEN)]
    for stop, start in ways:
        story = unsolved(At(later, stop), At(later + timedelta(days=3), start))
        row = {row.clock: row for row in clock_rows(story.ticket)}[RESOLUTION]
        assert (row.due_at, row.breached_at, row.warn_at, row.next_alarm_at) == (RESOLUTION_DUE,) * 2 + (None, None)
