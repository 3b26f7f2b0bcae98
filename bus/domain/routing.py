"""Routing 智能派单 (R5): hard filters, then a weighted sum, ties by longest idle; the whole table. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bus.domain.calendars import Calendars
from bus.domain.events import Event, TicketAssigned, TicketReturned
from bus.domain.people import LEVELS, Person, assignee_of
from bus.domain.routed import NOBODY, RankedPerson, TicketRouted, Unfit
from bus.domain.routing_rules import ASSIGNING, RoutingMode, RoutingWeights
from bus.domain.rules import Rules
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import plain_number
from bus.domain.values import Assignee

LISTED_MAX: Final = 100
_UNKNOWN_RATE: Final = 50
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLoad:
    """Open tickets of somebody, when the bus last assigned one, and first-time fixes in percent."""

    open_tickets: int = 0
    assigned_at: datetime | None = None
    first_fix: int | None = None


@dataclass(slots=True, kw_only=True)
class Staff:
    """Who is there to take tickets, and the load of candidates; `visitors`: who had the last ticket of each device.

    Deciding counts in place what it assigns.
    """

    people: Mapping[str, Person] = field(default_factory=dict)
    loads: dict[str, PersonLoad] = field(default_factory=dict)
    visitors: Mapping[str, str] = field(default_factory=dict)

    def count(self, person: str, at: datetime) -> None:
        """Count a ticket that somebody was assigned."""
        if load := self.loads.get(person):
            self.loads[person] = replace(load, open_tickets=load.open_tickets + 1, assigned_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The table, and the first of it; `unroutable`: why nobody suits, as codes."""

    rows: Sequence[RankedPerson]
    assignee: Assignee | None
    unroutable: str


def candidates(ticket: Ticket, people: Mapping[str, Person], calendars: Calendars, now: datetime) -> list[str]:
    """Name those who may take a ticket, but for their load; sorted. Pure."""
    return sorted(name for name, one in people.items() if _unfit(ticket, one, people, calendars, now) is None)


def route(ticket: Ticket, staff: Staff, rules: Rules, now: datetime) -> Ranking:
    """Rank everybody for a ticket: who fits, the best first, then who does not, with the reason. Pure.

    Of equal scores whoever was assigned nothing for longest comes first, then by name.
    """
    fit, unfit = list[tuple[tuple[int, datetime, str], RankedPerson]](), list[RankedPerson]()
    for name, person in sorted(staff.people.items()):
        reason, load = _unfit(ticket, person, staff.people, rules.calendars, now), staff.loads.get(name)
        if reason is None and (load is None or load.open_tickets >= person.capacity):
            reason = Unfit.FULL
        if reason is not None or load is None:
            unfit.append(RankedPerson(person=name, unfit=reason))
            continue
        row = _scored(ticket, person, load, staff.visitors, rules.routing.weights)
        fit.append(((-row.score, load.assigned_at or _NEVER, name), row))
    rows = [row for _, row in sorted(fit, key=lambda one: one[0])]
    first = assignee_of(staff.people[rows[0].person], staff.people) if rows else None
    return Ranking(rows=[*rows, *unfit], assignee=first, unroutable="" if rows else _reasons(unfit))


def routed(ticket: Ticket, staff: Staff, rules: Rules, now: datetime) -> tuple[Event, ...]:
    """Answer with the ranking of a ticket that waits, and its assignment in such a mode; nothing where it adds nothing.

    A suggestion stands until the ticket has somebody; that nobody suits is an event again when the reasons change.
    """
    mode = rules.routing.mode_of(ticket.type)
    if mode is RoutingMode.OFF or (mode is RoutingMode.SUGGEST and ticket.routing.suggested):
        return ()
    ranking = route(ticket, staff, rules, now)
    if ranking.assignee is None and ticket.routing.unroutable == ranking.unroutable:
        return ()
    event = TicketRouted(
        mode=mode,
        person=ranking.assignee.person if ranking.assignee else "",
        unroutable=ranking.unroutable,
        ranking=tuple(ranking.rows[:LISTED_MAX]),
        more=max(0, len(ranking.rows) - LISTED_MAX),
    )
    if mode not in ASSIGNING or ranking.assignee is None:
        return (event,)
    return event, TicketAssigned(
        assignee=ranking.assignee,
        previous_person="",
        reason="智能派单 / routed",
        claim_due_at=_whole_second(now + rules.routing.claim_within) if mode is RoutingMode.OFFER else None,
    )


def offer_withdrawn(ticket: Ticket, now: datetime) -> tuple[Event, ...]:
    """Answer with the end of an offer that nobody has claimed in time; never early. The ticket waits again.

    Who missed it does not get it again, until somebody has claimed it.
    """
    claim_due_at = ticket.routing.claim_due_at
    if claim_due_at is None or now < claim_due_at:
        return ()
    reason = "未按时接单 / not claimed in time"
    person = ticket.assignee.person
    return (TicketReturned(state=State.PENDING, previous_person=person, reason=reason, claim_missed=True),)


def _whole_second(at: datetime) -> datetime:
    """Give the first whole second that is not before `at`: claims are looked up by their text."""
    return at if not at.microsecond else at.replace(microsecond=0) + timedelta(seconds=1)


def _unfit(
    ticket: Ticket, person: Person, people: Mapping[str, Person], calendars: Calendars, now: datetime
) -> Unfit | None:
    """Say what keeps somebody from a ticket, whatever their load. Who names no region takes tickets of any."""
    levels = {one.name for one in person.skills}
    if person.types and ticket.type not in person.types:
        return Unfit.TYPE
    if person.regions and ticket.region not in person.regions:
        return Unfit.REGION
    if any(skill not in levels for skill in ticket.skills):
        return Unfit.SKILL
    if person.person in ticket.routing.sent_back_by:
        return Unfit.SENT_BACK
    if person.person in ticket.routing.missed_by:
        return Unfit.MISSED
    calendar = calendars.by_name.get(person.shift)
    if calendar is None or not calendar.working.works_at(now):
        return Unfit.SHIFT
    return None if person.backup in people else Unfit.BACKUP


def _scored(
    ticket: Ticket, person: Person, load: PersonLoad, visitors: Mapping[str, str], weights: RoutingWeights
) -> RankedPerson:
    levels = {one.name: one.level for one in person.skills}
    asked = [levels[skill] for skill in ticket.skills]
    row = RankedPerson(
        person=person.person,
        load=100 * (person.capacity - load.open_tickets) // person.capacity,
        skill=100 * sum(asked) // (LEVELS[-1] * len(asked)) if asked else 100,
        device=100 if visitors.get(plain_number(ticket.serial)) == person.person else 0,
        first_fix=_UNKNOWN_RATE if load.first_fix is None else load.first_fix,
        travel=_travel(ticket.region, person.regions),
    )
    points = (
        (row.load, weights.load),
        (row.skill, weights.skill),
        (row.device, weights.device),
        (row.first_fix, weights.first_fix),
        (row.travel, weights.travel),
    )
    return replace(row, score=sum(value * weight for value, weight in points))


def _travel(region: str, regions: Sequence[str]) -> int:
    """Class the way to a ticket: the person's first region, another of theirs, or one of no region in particular."""
    if not regions:
        return 25
    return 100 if region == regions[0] else 50


def _reasons(unfit: Sequence[RankedPerson]) -> str:
    counted = Counter(one.unfit for one in unfit)
    return ",".join(one.value for one in Unfit if counted[one]) or NOBODY
