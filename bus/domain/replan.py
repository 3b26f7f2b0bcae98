"""What promises come to when a ticket is of another type or region, or its calendar has other hours (R7). Pure."""

from dataclasses import replace

from bus.domain import refusals
from bus.domain.calendars import BY_REGION, Calendars
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
    """Answer a change of type, priority or region; nothing where all are as they were. Raises CommandRefused."""
    if not (command.type or command.priority or command.region):
        raise refusals.missing("type", Text("写明新的类型、优先级或区域", "name the new type, priority or region"))
    kind, region = command.type or ticket.type, command.region or ticket.region
    if (kind, region) == (ticket.type, ticket.region) and not command.priority:
        return ()
    changed = TicketReclassified(
        type=kind,
        previous_type=ticket.type,
        priority=command.priority,
        region=region,
        previous_region=ticket.region,
        reason=command.reason,
    )
    if (kind, region) == (ticket.type, ticket.region):
        return (changed,)  # the priority moves no promise
    limit = rules.sla.get(kind)
    if limit is None and kind != ticket.type:
        raise refusals.unknown_word("type", kind, rules.sla)
    if limit is None or (kind == ticket.type and limit.calendar != BY_REGION):
        return (changed,)  # the region moves a promise only where its hours are the region's
    hours = rules.calendars.promised(limit.calendar, region, ticket.opened_at)
    promised = replace(_promised(ticket, command.reason), calendar=hours)
    if kind != ticket.type:
        promised = replace(
            promised,
            response_limit_s=int(limit.response.total_seconds()),
            resolution_limit_s=int(limit.resolution.total_seconds()),
            step_deadlines=limit.steps,
            pause_allowances=limit.pauses,
        )
    return (changed, *_differing(ticket, promised))


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
