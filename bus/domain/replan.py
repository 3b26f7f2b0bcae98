"""What promises come to when the ticket is of another type, or its calendar has other hours by now (R7). Pure."""

from dataclasses import replace

from bus.domain import refusals
from bus.domain.calendars import Calendars
from bus.domain.commands import Reclassify
from bus.domain.events import Event
from bus.domain.inside_commands import ReplanPromises
from bus.domain.promise_events import PromisesReplanned, TicketReclassified
from bus.domain.rules import Rules
from bus.domain.text import Text
from bus.domain.ticket import Ticket, has_deadlines
from bus.domain.values import WorkingCalendar


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
    wanted = PromisesReplanned(
        response_limit_s=int(limit.response.total_seconds()),
        resolution_limit_s=int(limit.resolution.total_seconds()),
        calendar=rules.calendars.promised(limit.calendar, ticket.region, ticket.opened_at),
        previous=_version(ticket.resolution.calendar),
        reason=command.reason,
        step_deadlines=limit.steps,
        pause_allowances=limit.pauses,
    )
    return (changed, *_differing(ticket, wanted))


def replanned(ticket: Ticket, calendars: Calendars, reason: str) -> tuple[Event, ...]:
    """Plan promises anew by the hours that their calendar has by now; nothing where these are the same."""
    old = ticket.resolution.calendar
    known = calendars.by_name.get(old.version.partition("@")[0]) if old else None
    if known is None or not has_deadlines(ticket):
        return ()
    now = _promised(ticket, reason)
    return _differing(ticket, replace(now, calendar=known.promised(ticket.opened_at)))


def _promised(ticket: Ticket, reason: str) -> PromisesReplanned:
    """Give what is promised already."""
    hours = ticket.resolution.calendar
    return PromisesReplanned(
        response_limit_s=ticket.response.limit_s,
        resolution_limit_s=ticket.resolution.limit_s,
        calendar=hours,
        previous=_version(hours),
        reason=reason,
        step_deadlines=ticket.step_deadlines,
        pause_allowances=ticket.waits.allowances,
    )


def _differing(ticket: Ticket, wanted: PromisesReplanned) -> tuple[Event, ...]:
    """Give the event if it changes anything."""
    now = _promised(ticket, wanted.reason)
    same = _spelled(wanted.calendar) == _spelled(now.calendar) and replace(wanted, calendar=now.calendar) == now
    return () if same else (wanted,)


def _version(hours: WorkingCalendar | None) -> str:
    return hours.version if hours else ""


def _spelled(hours: WorkingCalendar | None) -> tuple[str, str] | None:
    """Give what tells hours apart: a version may be another by a year that is over."""
    return (hours.zone, hours.hours) if hours else None
