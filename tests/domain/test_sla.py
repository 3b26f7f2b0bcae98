"""The SLA clocks (R7): never early, warned once, broken once, standing while the ticket waits, silent about history."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bus.domain.closing_events import TicketReopened, TicketResolved
from bus.domain.commands import Accept, Command, Escalate, Note, Start
from bus.domain.events import AssignmentAccepted, NoteAdded, TicketEscalated, WorkPaused, WorkResumed, WorkStarted
from bus.domain.inside_commands import BreachSla, WarnSla
from bus.domain.promise_events import SlaBreached, SlaWarned
from bus.domain.sla_clock import Clock, due_at, next_alarm_at, run, settle, stop, warn_at
from bus.domain.terms import ClockName
from tests.domain.given import At, Story, given
from tests.domain.people import ASSIGN, HOUR, MINUTE, OPEN, PAUSE, REOPEN, RESOLVE, RESUME, START, TICK_OF_TIME

RESPONSE, RESOLUTION = ClockName.FIRST_RESPONSE, ClockName.RESOLUTION
RESPONSE_DUE, RESOLUTION_DUE = START + 15 * MINUTE, START + 24 * HOUR
LATE_RESPONSE = SlaBreached(clock=RESPONSE, due_at=RESPONSE_DUE, limit_s=900)
LATE_RESOLUTION = SlaBreached(clock=RESOLUTION, due_at=RESOLUTION_DUE, limit_s=86_400)
# Accepted in time and being worked on.
ANSWERED: tuple[Command, ...] = (OPEN, ASSIGN, Start())


def answered(*more: Command | At) -> Story:
    """Begin with a ticket whose first response was given in time."""
    return given(*ANSWERED, *more)


@pytest.mark.parametrize(("clock", "warning"), [(RESPONSE, START + 12 * MINUTE), (RESOLUTION, START + 0.8 * 24 * HOUR)])
def test_sla_the_warning_comes_at_four_fifths_once_and_never_early(clock: ClockName, warning: datetime) -> None:
    story = given(OPEN)
    story.when(At(warning - TICK_OF_TIME, WarnSla(clock=clock))).then()
    story.when(At(warning, WarnSla(clock=clock))).then(SlaWarned)
    story.when(At(warning + MINUTE, WarnSla(clock=clock))).then()


def test_sla_a_breach_comes_when_the_promise_falls_due_once_and_is_escalated() -> None:
    story = given(OPEN)
    story.when(At(RESPONSE_DUE - TICK_OF_TIME, BreachSla(clock=RESPONSE))).then()
    story.when(At(RESPONSE_DUE, BreachSla(clock=RESPONSE))).then(LATE_RESPONSE, TicketEscalated)
    story.when(At(RESPONSE_DUE + MINUTE, BreachSla(clock=RESPONSE))).then()
    story.when(At(RESPONSE_DUE + MINUTE, WarnSla(clock=RESPONSE))).then()


def test_sla_an_escalated_ticket_is_on_its_board_until_somebody_is_assigned_or_it_is_over() -> None:
    heard = RESPONSE_DUE + MINUTE
    for answered_at in (RESPONSE_DUE - MINUTE, heard):
        broken = given(OPEN, ASSIGN, At(RESPONSE_DUE, BreachSla(clock=RESPONSE)))
        assert broken.ticket.escalated_to == "team_lead"
        broken.when(At(answered_at, Accept()), received_at=heard)
        assert broken.ticket.escalated_to == "team_lead", "the team lead heard of it all the same"
    for over in (RESOLVE, replace(ASSIGN, reason="换人")):
        called = answered(Escalate(to="经理", reason="客户着急"))
        assert called.ticket.escalated_to == "经理"
        called.when(over)
        assert called.ticket.escalated_to == "", over


def test_sla_an_answer_in_the_very_last_moment_keeps_the_promise() -> None:
    given(OPEN, ASSIGN).when(At(RESPONSE_DUE, Accept())).then(AssignmentAccepted)
    answered().when(At(RESOLUTION_DUE, RESOLVE)).then(TicketResolved)


def test_sla_a_breach_that_no_timer_saw_is_told_before_what_came_too_late() -> None:
    story = given(OPEN, ASSIGN).when(At(RESPONSE_DUE + TICK_OF_TIME, Accept()))
    story.then(LATE_RESPONSE, TicketEscalated, AssignmentAccepted).when(
        At(RESPONSE_DUE + MINUTE, BreachSla(clock=RESPONSE))
    ).then()
    late = answered().when(At(RESOLUTION_DUE + HOUR, RESOLVE))
    assert late.then(LATE_RESOLUTION, TicketEscalated, TicketResolved).ticket.resolution.breached_at == RESOLUTION_DUE


def test_sla_both_promises_may_be_broken_before_one_late_command() -> None:
    story = given(OPEN).when(At(RESOLUTION_DUE + HOUR, Note(text="还有人吗?")))
    story.then(LATE_RESPONSE, TicketEscalated, LATE_RESOLUTION, TicketEscalated, NoteAdded)


def test_sla_a_breach_told_by_the_timer_is_not_told_again_by_the_next_command() -> None:
    told = given(OPEN, ASSIGN, At(RESPONSE_DUE, BreachSla(clock=RESPONSE)))
    told.when(At(RESPONSE_DUE + MINUTE, Accept())).then(AssignmentAccepted)


def test_sla_the_resolution_stands_still_during_a_pause_and_keeps_what_was_spent() -> None:
    story = answered(At(START + HOUR, PAUSE))
    assert story.ticket.resolution.spent == HOUR
    story.when(At(START + 300 * HOUR, BreachSla(clock=RESOLUTION))).then()
    story.when(At(START + 300 * HOUR, WarnSla(clock=RESOLUTION))).then()
    story.when(At(START + 300 * HOUR, RESUME)).then(WorkResumed)
    due = START + 300 * HOUR + 23 * HOUR
    assert due_at(story.ticket.resolution) == due
    story.when(At(due - TICK_OF_TIME, BreachSla(clock=RESOLUTION))).then()
    story.when(At(due, BreachSla(clock=RESOLUTION))).then(
        SlaBreached(clock=RESOLUTION, due_at=due, limit_s=86_400), TicketEscalated
    )


def test_sla_a_pause_that_begins_too_late_does_not_hide_the_breach() -> None:
    answered().when(At(RESOLUTION_DUE + HOUR, PAUSE)).then(LATE_RESOLUTION, TicketEscalated, WorkPaused)


def test_sla_reopening_lets_the_resolution_go_on_where_it_stood() -> None:
    story = answered(At(START + HOUR, RESOLVE))
    story.when(At(START + 100 * HOUR, REOPEN)).then(TicketReopened)
    assert due_at(story.ticket.resolution) == START + 123 * HOUR
    assert story.ticket.response.settled_at == START


def test_sla_a_promise_broken_once_is_not_broken_again_after_a_reopening() -> None:
    story = answered(At(RESOLUTION_DUE + HOUR, RESOLVE), At(RESOLUTION_DUE + 2 * HOUR, REOPEN))
    story.when(At(RESOLUTION_DUE + 99 * HOUR, BreachSla(clock=RESOLUTION))).then()
    story.when(At(RESOLUTION_DUE + 99 * HOUR, Start())).then(WorkStarted)
    story.when(At(RESOLUTION_DUE + 99 * HOUR, RESOLVE)).then(TicketResolved)


def test_sla_history_settles_its_clocks_by_its_own_times_and_in_silence() -> None:
    story = given(*ANSWERED, At(RESOLUTION_DUE + HOUR, RESOLVE), historic=True)
    assert not [
        recorded for recorded in story.log if isinstance(recorded.event, SlaBreached | SlaWarned | TicketEscalated)
    ]
    assert story.ticket.response.breached_at is None
    assert story.ticket.resolution.breached_at == RESOLUTION_DUE
    assert story.ticket.resolution.settled_at == RESOLUTION_DUE + HOUR


@pytest.mark.parametrize("command", [WarnSla(clock=RESOLUTION), BreachSla(clock=RESOLUTION)])
def test_sla_nobody_is_alarmed_about_an_imported_past(command: Command) -> None:
    given(OPEN, historic=True).when(At(RESOLUTION_DUE + HOUR, command)).then()


def test_sla_the_next_alarm_is_the_warning_then_the_breach_then_none() -> None:
    clock = Clock(limit_s=100, running_since=START)
    warned = Clock(limit_s=100, running_since=START, warned=True)
    broken = Clock(limit_s=100, running_since=START, warned=True, breached_at=START)
    assert next_alarm_at(clock) == warn_at(clock) == START + timedelta(seconds=80)
    assert next_alarm_at(warned) == due_at(warned) == START + timedelta(seconds=100)
    assert next_alarm_at(broken) is None
    assert next_alarm_at(stop(clock, START)) is None


def test_sla_stopping_running_and_settling_twice_change_nothing() -> None:
    clock = Clock(limit_s=100, running_since=START)
    stopped = stop(clock, START + MINUTE)
    assert stop(stopped, START + HOUR) == stopped
    running = run(stopped, START + HOUR)
    assert run(running, START + 2 * HOUR) == running
    settled = settle(running, START + HOUR)
    assert settle(settled, START + 3 * HOUR) == settled


def test_sla_a_clock_never_runs_backwards() -> None:
    clock = Clock(limit_s=100, running_since=START)
    assert stop(clock, START - HOUR).spent == timedelta(0)
