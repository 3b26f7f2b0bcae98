"""What a ticket's promises give rise to: a warning at 80 %, a breach with its escalation, each once, never early.

A breach is withdrawn when it is told later that the clock had been stopped in time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain.closing_commands import RejectClosure, Reopen
from bus.domain.closing_events import ClosureExpired, ClosureReminded, TicketResolved
from bus.domain.commands import Command, Escalate
from bus.domain.escalation import TEAM_LEAD
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    Event,
    TicketEscalated,
    TicketReturned,
    WorkPaused,
    WorkStarted,
)
from bus.domain.promise_events import (
    NextStepOverdue,
    PauseAllowanceSpent,
    PromisesReplanned,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaWarned,
)
from bus.domain.sla_clock import due_at, warn_at
from bus.domain.terms import ClockName, TicketStep
from bus.domain.ticket import Ticket, clock_of, has_deadlines
from bus.domain.ticket_steps import step_due_at
from bus.domain.waits import allowance_of, runs_on_at

STOPS: Mapping[ClockName, tuple[type[Event], ...]] = {
    ClockName.FIRST_RESPONSE: (AssignmentAccepted, EngineerDeparted, EngineerArrived, WorkStarted),
    ClockName.RESOLUTION: (TicketResolved, WorkPaused),
}

_OWN = (
    SlaWarned,
    SlaBreached,
    NextStepOverdue,
    PauseAllowanceSpent,
    SlaBreachWithdrawn,
    PromisesReplanned,
    ClosureReminded,
    ClosureExpired,
)


def overdue(ticket: Ticket, at: datetime) -> tuple[Event, ...]:
    """Give the events of what fell due before `at`, also without a timer. Pure."""
    late = (name for name in ClockName if (due := due_at(clock_of(ticket, name))) is not None and at > due)
    broken = tuple(event for name in late for event in breach(ticket, name, at))
    if (runs_on := runs_on_at(ticket)) and at > runs_on:
        broken = (*allowance_spent(ticket, at), *broken)
    due = step_due_at(ticket)
    return (*broken, *expire(ticket, ticket.step.step, at)) if ticket.step and due and at > due else broken


def breach(ticket: Ticket, name: ClockName, at: datetime) -> tuple[Event, ...]:
    """Break a promise that fell due by `at`, once; nothing when it is early, kept, standing or of the past. Pure."""
    clock = clock_of(ticket, name)
    due = due_at(clock)
    if not has_deadlines(ticket) or due is None or at < due or clock.breached_at is not None:
        return ()
    reason = f"{name.zh}超时 / {name.value} breached"
    return (
        SlaBreached(clock=name, due_at=due, limit_s=clock.limit_s),
        TicketEscalated(to=TEAM_LEAD, reason=reason),
    )


def allowance_spent(ticket: Ticket, at: datetime) -> tuple[Event, ...]:
    """Say that the present pause is beyond its allowance by `at`, once; nothing early, nor of the past. Pure."""
    runs_on, whom = runs_on_at(ticket), ticket.paused_for
    allowed_s = allowance_of(ticket.waits, whom) if whom else None
    if whom is None or allowed_s is None or runs_on is None or at < runs_on or not has_deadlines(ticket):
        return ()
    person = ticket.assignee.person
    return (PauseAllowanceSpent(waiting_for=whom, allowed_s=allowed_s, runs_since=runs_on, person=person),)


def expire(ticket: Ticket, step: TicketStep, at: datetime) -> tuple[Event, ...]:
    """Say that the next step fell due by `at`, once; nothing when it is early, taken, standing or of the past. Pure."""
    next_one, due = ticket.step, step_due_at(ticket)
    if next_one is None or next_one.clock is None or next_one.step is not step or not has_deadlines(ticket):
        return ()
    if due is None or at < due or next_one.clock.breached_at is not None:
        return ()
    return (NextStepOverdue(step=step, due_at=due, within_s=next_one.clock.limit_s, person=ticket.assignee.person),)


def withdrawn(ticket: Ticket, events: Sequence[Event], at: datetime) -> tuple[Event, ...]:
    """Withdraw the breaches of clocks that `events` stopped in time by their own `at`, though told later. Pure."""
    found = list[Event]()
    for name in ClockName:
        clock, stopped_at = clock_of(ticket, name), stopped_in_time(ticket, name, at)
        stop = next(
            (one for one in events if isinstance(one, STOPS[name]) and not getattr(one, "automatic", False)), None
        )
        if stop and stopped_at and clock.breached_at:
            met = not isinstance(stop, WorkPaused)
            found.append(
                SlaBreachWithdrawn(
                    clock=name, due_at=clock.breached_at, limit_s=clock.limit_s, stopped_at=stopped_at, met=met
                )
            )
    return tuple(found)


def stopped_in_time(ticket: Ticket, name: ClockName, at: datetime) -> datetime | None:
    """Say when a clock with a breach stopped, if it did at `at`; None when that is too late, or it stood then. Pure.

    A first response counts when it is told after a later one, too. What is dated before the opening has a wrong time
    and stops nothing; what is dated before another of its bounds counts from there (docs/clocks.md).
    """
    clock = clock_of(ticket, name)
    resolution = name is ClockName.RESOLUTION
    stands = resolution and clock.running_since is None
    if not has_deadlines(ticket) or clock.breached_at is None or stands or at < ticket.opened_at:
        return None
    bounds = [ticket.handed_over_at, *((ticket.working_since, clock.running_since) if resolution else ())]
    stopped_at = max([at, *(bound for bound in bounds if bound is not None)])
    return stopped_at if stopped_at <= clock.breached_at else None


def is_own(event: Event, command: Command) -> bool:
    """Say whether an event is the bus's own: a clock that ran out before the command, what follows from it. Pure."""
    if isinstance(event, TicketEscalated):
        return not isinstance(command, Escalate)
    if isinstance(event, TicketReturned):
        return isinstance(command, Reopen | RejectClosure)
    return isinstance(event, _OWN)


def warn(ticket: Ticket, name: ClockName, at: datetime) -> tuple[Event, ...]:
    """Warn of a promise that is 80 % spent by `at`, once. Pure."""
    clock = clock_of(ticket, name)
    due, warning = due_at(clock), warn_at(clock)
    if not has_deadlines(ticket) or clock.warned or clock.breached_at or due is None or warning is None or at < warning:
        return ()
    return (SlaWarned(clock=name, due_at=due, limit_s=clock.limit_s),)
