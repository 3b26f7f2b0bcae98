"""The dispatcher's board 派单台 (R11, R15): a ticket as a card, an engineer as a lane. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bus.domain.calendars import Calendars
from bus.domain.dwell import RED_AFTER, DwellLimits, dwell_of, in_state
from bus.domain.people import Person, Skill
from bus.domain.routed import RankedPerson
from bus.domain.sla_clock import WARN_SHARE, Clock, due_at, passed
from bus.domain.terms import ClockName, State, Substate, TicketId, WaitingFor
from bus.domain.ticket import Ticket, clock_of, runs
from bus.domain.time_text import CHINA
from bus.domain.waits import runs_on_at


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardClock:
    """The promise of a ticket that presses most: how many seconds are left, in the time that it counts.

    `left_s` is below 0 once it is broken; `due_at` is null while it stands.
    """

    clock: ClockName
    limit_s: int
    left_s: int
    warned: bool
    running: bool
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardWait:
    """Whom a paused ticket waits for and since when, and from when on its promise runs all the same; null: never."""

    waiting_for: WaitingFor
    zh: str
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCard:
    """A ticket as a column shows it, without anybody's contact.

    `working_s` and `red`: how long it is in its state in working hours of its region, and whether that is beyond
    `red_after_s`, the state's limit; `works_now`: whether these hours run now. `clock`: null when no promise is open.
    `unroutable`: why nobody suits, as codes with commas. `escalated_to`: the role whose board it is on, or empty.
    """

    ticket_id: TicketId
    title: str
    type: str
    region: str
    state: State
    substate: Substate | None
    since: datetime
    wall_s: int
    working_s: int
    red_after_s: int
    red: bool
    works_now: bool
    clock: BoardClock | None
    handler: str
    backup: str
    accepted: bool
    claim_due_at: datetime | None
    wait: BoardWait | None
    reports: int
    asked: int
    suggested: str
    unroutable: str
    escalated_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnroutableCard:
    """A ticket that nobody suits, with each candidate of its routing and why not; `more` lines are left out."""

    card: BoardCard
    candidates: tuple[RankedPerson, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnheardCard:
    """A ticket of which a push was not taken in time, where to and since when it waits."""

    card: BoardCard
    targets: tuple[str, ...]
    waiting_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardLane:
    """An engineer beside the columns: open tickets out of how many at once, whether on shift now, and what they do."""

    person: str
    role: str
    types: tuple[str, ...]
    regions: tuple[str, ...]
    skills: tuple[Skill, ...]
    shift: str
    on_shift: bool
    open_tickets: int
    capacity: int


def card_of(ticket: Ticket, limits: DwellLimits, calendars: Calendars, now: datetime) -> BoardCard:
    """Give a ticket's card as of now."""
    since = ticket.closed_at or ticket.state_since or ticket.opened_at
    measured = in_state(ticket)
    dwell = dwell_of(measured, limits, calendars, now) if measured else None
    return BoardCard(
        ticket_id=ticket.ticket_id,
        title=ticket.title,
        type=ticket.type,
        region=ticket.region,
        state=ticket.state,
        substate=ticket.substate,
        since=since,
        wall_s=int((now - since).total_seconds()),
        working_s=dwell.working_s if dwell else 0,
        red_after_s=int(limits.get(ticket.state, RED_AFTER).total_seconds()),
        red=dwell is not None and dwell.red_since is not None,
        works_now=calendars.of_region(ticket.region).working.works_at(now),
        clock=pressing(ticket, now),
        handler=ticket.assignee.person,
        backup=ticket.assignee.backup_person,
        accepted=ticket.accepted_at is not None,
        claim_due_at=ticket.routing.claim_due_at,
        wait=_wait(ticket),
        reports=ticket.reports,
        asked=ticket.asked,
        suggested=ticket.routing.suggested,
        unroutable=ticket.routing.unroutable,
        escalated_to=ticket.escalated_to,
    )


def pressing(ticket: Ticket, now: datetime) -> BoardClock | None:
    """Give the open promise of which the least time is left; None where none is open."""
    found = [_clock(ticket, name, now) for name in ClockName if clock_of(ticket, name).settled_at is None]
    return min(found, key=lambda one: one.left_s, default=None) if ticket.state is not State.CLOSED else None


def left(clock: Clock, now: datetime) -> timedelta:
    """Give what is left of a promise, in the time that it counts; below 0 once it is broken."""
    ran = clock.running_since and max(passed(clock, clock.running_since, now), timedelta(0))
    return timedelta(seconds=clock.limit_s) - clock.spent - (ran or timedelta(0))


def lane_of(person: Person, open_tickets: int, calendars: Calendars, now: datetime) -> BoardLane:
    """Give an engineer's lane as of now."""
    return BoardLane(
        person=person.person,
        role=person.role,
        types=person.types,
        regions=person.regions,
        skills=person.skills,
        shift=person.shift,
        on_shift=is_on_shift(person, calendars, now),
        open_tickets=open_tickets,
        capacity=person.capacity,
    )


def is_on_shift(person: Person, calendars: Calendars, now: datetime) -> bool:
    """Say whether a person works now; whose shift is no calendar of this deployment never does."""
    shift = calendars.by_name.get(person.shift)
    return shift is not None and shift.working.works_at(now)


def lanes_for(lanes: Sequence[BoardLane], region: str, kind: str, regions: Sequence[str] = ()) -> list[BoardLane]:
    """Give those who work in a region and take a type, on shift and with least to do first; empty: any.

    `regions`: of these alone, whichever is asked for; empty: of all.
    """
    if region and regions and region not in regions:
        return []
    wanted = {region} if region else {*regions}
    found = [
        one
        for one in lanes
        if (not wanted or not one.regions or wanted & {*one.regions})
        and (not kind or not one.types or kind in one.types)
    ]
    return sorted(found, key=lambda one: (not one.on_shift, one.open_tickets / one.capacity, one.person))


def day_began(now: datetime) -> datetime:
    """Give when today began in China: of closed tickets the board shows those since then."""
    return now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


def _clock(ticket: Ticket, name: ClockName, now: datetime) -> BoardClock:
    clock = clock_of(ticket, name)
    rest = left(clock, now)
    return BoardClock(
        clock=name,
        limit_s=clock.limit_s,
        left_s=int(rest.total_seconds()),
        warned=rest <= timedelta(seconds=clock.limit_s) * (1 - WARN_SHARE),
        running=runs(ticket, name),
        due_at=due_at(clock),
    )


def _wait(ticket: Ticket) -> BoardWait | None:
    waiting_for = ticket.paused_for
    if waiting_for is None:
        return None
    return BoardWait(waiting_for=waiting_for, zh=waiting_for.zh, since=ticket.waits.since, until=runs_on_at(ticket))
