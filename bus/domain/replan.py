"""What promises come to when the ticket is of another type, or its calendar has other hours by now (R7). Pure."""

from bus.domain import refusals
from bus.domain.calendars import Calendars
from bus.domain.commands import Reclassify
from bus.domain.events import Event
from bus.domain.inside_commands import ReplanPromises
from bus.domain.promise_events import PromisesReplanned, TicketReclassified
from bus.domain.rules import Rules
from bus.domain.text import Text
from bus.domain.ticket import Ticket, has_deadlines
from bus.domain.values import StepDeadline, WorkingCalendar


def changed_promises(command: Reclassify | ReplanPromises, ticket: Ticket, rules: Rules) -> tuple[Event, ...]:
    """Answer what changes promises. Raises CommandRefused."""
    if isinstance(command, Reclassify):
        return reclassified(command, ticket, rules)
    return replanned(ticket, rules.calendars, command.reason)


def reclassified(command: Reclassify, ticket: Ticket, rules: Rules) -> tuple[Event, ...]:
    """Answer a change of type or priority; nothing happens where both are as they were. Raises CommandRefused."""
    if not (command.type or command.priority):
        raise refusals.missing("type", Text("写明新的类型或优先级", "name the new type or priority"))
    kind = command.type or ticket.type
    if kind == ticket.type and not command.priority:
        return ()
    changed = TicketReclassified(type=kind, previous_type=ticket.type, priority=command.priority, reason=command.reason)
    if kind == ticket.type:
        return (changed,)  # the priority moves no promise
    limit = rules.sla.get(kind)
    if limit is None:
        raise refusals.unknown_word("type", kind, rules.sla)
    hours = rules.calendars.promised(limit.calendar, ticket.region, ticket.opened_at)
    limits = int(limit.response.total_seconds()), int(limit.resolution.total_seconds())
    return (changed, *_replanned(ticket, limits, hours, limit.steps, command.reason))


def replanned(ticket: Ticket, calendars: Calendars, reason: str) -> tuple[Event, ...]:
    """Plan promises anew by the hours that their calendar has by now; nothing where these are the same."""
    old = ticket.resolution.calendar
    known = calendars.by_name.get(old.version.partition("@")[0]) if old else None
    if known is None or not has_deadlines(ticket):
        return ()
    limits = ticket.response.limit_s, ticket.resolution.limit_s
    return _replanned(ticket, limits, known.promised(ticket.opened_at), ticket.step_deadlines, reason)


def _replanned(
    ticket: Ticket,
    limits: tuple[int, int],
    hours: WorkingCalendar | None,
    steps: tuple[StepDeadline, ...],
    reason: str,
) -> tuple[Event, ...]:
    old = ticket.resolution.calendar
    now = ticket.response.limit_s, ticket.resolution.limit_s
    if (limits, steps, _spelled(hours)) == (now, ticket.step_deadlines, _spelled(old)):
        return ()
    response_s, resolution_s = limits
    previous = old.version if old else ""
    return (
        PromisesReplanned(
            response_limit_s=response_s,
            resolution_limit_s=resolution_s,
            calendar=hours,
            previous=previous,
            reason=reason,
            steps=steps,
        ),
    )


def _spelled(hours: WorkingCalendar | None) -> tuple[str, str] | None:
    """Give what tells hours apart: a version may be another by a year that is over."""
    return (hours.zone, hours.hours) if hours else None
