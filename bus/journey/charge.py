"""Time charged to whom it belongs: every interval of a ticket's life is one party's. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.terms import State, Substate, Term, WaitingFor
from bus.domain.ticket import Ticket

NO_TIME = timedelta(0)
BEGINNING = datetime.min.replace(tzinfo=UTC)


class ChargedTo(Term):
    """Who a ticket waits for."""

    BUS = "bus", "总线"
    SOURCE = "source", "来源"
    TARGET = "target", "目标系统"
    ENGINEER = "engineer", "工程师"
    CUSTOMER = "customer", "客户"
    PARTS = "parts", "备件"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeEvent:
    """An event with its hops. `received_at` None: it did not come over the intake; `published_at` None: not known.

    `unpublished`: it waits for Kafka. `delivered_at`: when the last target that it is sent to had it, `undelivered`:
    one has not; apps that engineers fetch by are none.
    """

    recorded: Recorded
    received_at: datetime | None = None
    published_at: datetime | None = None
    unpublished: bool = False
    delivered_at: datetime | None = None
    undelivered: bool = False


class _Turn(NamedTuple):
    """From when on it is whose turn, by which event; `party` None: the ticket is closed."""

    begin: datetime
    party: ChargedTo | None
    event: LifeEvent


def charge(life: Sequence[LifeEvent], until: datetime, since: datetime = BEGINNING) -> Mapping[ChargedTo, timedelta]:
    """Charge a ticket's life, or what of it is within a time, to parties: the sum is the time it was not closed.

    A turn begins with the event that hands the ticket on. Until the bus heard of that event it is the source's time,
    until the event is published the bus's; of parts then the targets' until the last of them has it.
    """
    sums = dict.fromkeys(ChargedTo, NO_TIME)
    turns = [*_turns(life)]
    for place, turn in enumerate(turns):
        end = turns[place + 1].begin if place + 1 < len(turns) else max(until, turn.begin)
        at = turn.begin
        for party, mark in _marks(turn, end):
            stop = min(max(mark, at), end)
            sums[party] += max(NO_TIME, min(stop, until) - max(at, since))
            at = stop
    return sums


def charge_within(
    life: Sequence[LifeEvent], times: Iterable[tuple[datetime, datetime]]
) -> Mapping[ChargedTo, timedelta]:
    """Charge what of a ticket's life is within several times, such as those that count towards a promise."""
    sums = dict.fromkeys(ChargedTo, NO_TIME)
    for since, until in times:
        for party, time in charge(life, until, since).items():
            sums[party] += time
    return sums


def _turns(life: Sequence[LifeEvent]) -> Iterator[_Turn]:
    """Give the turns in order; the ticket's own time never runs backwards."""
    ticket: Ticket | None = None
    last: tuple[ChargedTo | None, int] | None = None
    at = BEGINNING
    for one in life:
        is_first, ticket = ticket is None, evolve(ticket, one.recorded)
        party = party_of(ticket)
        turn = (party, ticket.assignments if party is ChargedTo.ENGINEER else 0)
        if turn != last:
            at, last = ticket.opened_at if is_first else max(at, one.recorded.occurred_at), turn
            yield _Turn(at, party, one)


def party_of(ticket: Ticket) -> ChargedTo | None:
    """Say whose turn it is; nobody's once it is closed."""
    if ticket.state is State.CLOSED:
        return None
    if ticket.state is State.PENDING:
        return ChargedTo.SOURCE
    if ticket.state is State.RESOLVED:
        return ChargedTo.CUSTOMER if ticket.closure_requested else ChargedTo.ENGINEER
    if ticket.paused_for is WaitingFor.CUSTOMER:
        return ChargedTo.CUSTOMER
    if ticket.paused_for is WaitingFor.PARTS or (ticket.paused_for is None and ticket.substate is Substate.PARTS):
        return ChargedTo.PARTS
    return ChargedTo.ENGINEER


def _marks(turn: _Turn, end: datetime) -> Iterator[tuple[ChargedTo, datetime]]:
    """Say up to when of a turn time is whose."""
    if turn.party is None:
        return
    one = turn.event
    if not one.recorded.historic:
        yield ChargedTo.SOURCE, one.received_at or one.recorded.recorded_at
        yield ChargedTo.BUS, end if one.unpublished else one.published_at or one.recorded.recorded_at
        if turn.party is ChargedTo.PARTS:
            yield ChargedTo.TARGET, end if one.undelivered else one.delivered_at or turn.begin
    yield turn.party, end
