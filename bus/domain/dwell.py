"""Dwell 状态滞留 (R15): how long each open ticket is in its state, and which have turned red. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.domain.calendars import Calendars
from bus.domain.terms import State
from bus.domain.ticket import Ticket, has_deadlines

DwellLimits = Mapping[State, timedelta]
"""The working time after which a ticket in a state is red; of a state that is not named RED_AFTER."""
RED_AFTER: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketInState:
    """A ticket whose dwell counts, in which state and since when: all that is measured of it."""

    ticket_id: str
    trace_id: str
    state: State
    region: str
    assignee: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """How long a ticket is in its state, by the clock and in the working hours of its region.

    `red_since`: when it had been there for longer than the state's limit of working time; None: it is not yet.
    """

    ticket_id: str
    trace_id: str
    state: State
    region: str
    assignee: str
    since: datetime
    wall_s: int
    working_s: int
    red_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DwellPlace:
    """A field of the heat map 状态滞留热力图: the tickets of a state and region, how many are red, and the longest."""

    state: State
    region: str
    tickets: int
    red: int
    longest_s: int


def in_state(ticket: Ticket) -> TicketInState | None:
    """Say in which state a ticket is and since when; None for closed, imported and virtual ones."""
    if ticket.state is State.CLOSED or not has_deadlines(ticket):
        return None
    return TicketInState(
        ticket_id=ticket.ticket_id,
        trace_id=ticket.trace_id,
        state=ticket.state,
        region=ticket.region,
        assignee=ticket.assignee.person,
        since=ticket.state_since or ticket.opened_at,
    )


def dwell_of(ticket: TicketInState, limits: DwellLimits, calendars: Calendars, now: datetime) -> Dwell:
    """Measure how long a ticket is in its state."""
    working, limit = calendars.of_region(ticket.region).working, limits.get(ticket.state, RED_AFTER)
    spent = working.elapsed(ticket.since, now)
    return Dwell(
        ticket_id=ticket.ticket_id,
        trace_id=ticket.trace_id,
        state=ticket.state,
        region=ticket.region,
        assignee=ticket.assignee,
        since=ticket.since,
        wall_s=int((now - ticket.since).total_seconds()),
        working_s=int(spent.total_seconds()),
        red_since=working.due(ticket.since, limit) if spent > limit else None,
    )


def dwells(tickets: Iterable[TicketInState], limits: DwellLimits, calendars: Calendars, now: datetime) -> list[Dwell]:
    """Measure the tickets that are open. Pure."""
    return [dwell_of(one, limits, calendars, now) for one in tickets]


def red_ones(measured: Iterable[Dwell]) -> list[Dwell]:
    """Give those that are red, the longest first. Pure."""
    return sorted((one for one in measured if one.red_since), key=lambda one: -one.working_s)


def heat_map(measured: Iterable[Dwell]) -> Sequence[DwellPlace]:
    """Count by state and region, states in their order; the longest by working time."""
    places = dict[tuple[State, str], list[Dwell]]()
    for one in measured:
        places.setdefault((one.state, one.region), []).append(one)
    order = [*State]
    return [
        DwellPlace(
            state=state,
            region=region,
            tickets=len(found),
            red=sum(one.red_since is not None for one in found),
            longest_s=max(one.working_s for one in found),
        )
        for (state, region), found in sorted(places.items(), key=lambda one: (order.index(one[0][0]), one[0][1]))
    ]
