"""What a ticket's promises give rise to: a warning at 80 %, a breach with its escalation, each once, never early."""

from datetime import datetime

from bus.domain.events import Event, SlaBreached, SlaWarned, TicketEscalated
from bus.domain.sla_clock import due_at, warn_at
from bus.domain.terms import ClockName
from bus.domain.ticket import Ticket, clock_of


def overdue(ticket: Ticket, at: datetime) -> tuple[Event, ...]:
    """Give the events of what fell due before `at`, also without a timer. Pure."""
    late = (name for name in ClockName if (due := due_at(clock_of(ticket, name))) is not None and at > due)
    return tuple(event for name in late for event in breach(ticket, name, at))


def breach(ticket: Ticket, name: ClockName, at: datetime) -> tuple[Event, ...]:
    """Break a promise that fell due by `at`, once; nothing when it is early, kept, standing or of the past. Pure."""
    clock = clock_of(ticket, name)
    due = due_at(clock)
    if ticket.historic or due is None or at < due or clock.breached_at is not None:
        return ()
    reason = f"{name.zh}超时 / {name.value} breached"
    return (
        SlaBreached(clock=name, due_at=due, limit_s=clock.limit_s),
        TicketEscalated(to="team_lead", reason=reason),
    )


def warn(ticket: Ticket, name: ClockName, at: datetime) -> tuple[Event, ...]:
    """Warn of a promise that is 80 % spent by `at`, once. Pure."""
    clock = clock_of(ticket, name)
    due, warning = due_at(clock), warn_at(clock)
    if ticket.historic or clock.warned or clock.breached_at or due is None or warning is None or at < warning:
        return ()
    return (SlaWarned(clock=name, due_at=due, limit_s=clock.limit_s),)
