"""Fairness of assignments: who was given how many of the tickets that they could have taken (R5). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded, TicketAssigned
from bus.domain.routed import TicketRouted
from bus.domain.terms import Term

WINDOW: Final = timedelta(days=30)
WINDOW_MAX: Final = timedelta(days=31)
FITTING_MIN: Final = 20  # fewer tell nothing
_SPREAD: Final = 2  # standard deviations that chance explains


class Fairness(Term):
    """Whether somebody has about the share of fitting tickets that falls to each who fits."""

    TOO_FEW = "too_few", "样本太少"
    EVEN = "even", "均衡"
    MORE = "more", "偏多"
    LESS = "less", "偏少"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonShare:
    """Tickets that fitted somebody, how many they were given, and how many had each been given to anyone who fits.

    `outside`: tickets given to them, by hand, that did not fit by the table, or of which they were not on it.
    """

    person: str
    fitting: int
    assigned: int
    expected: float
    outside: int
    judgement: Fairness


@dataclass(slots=True, kw_only=True)
class _Counted:
    """What is counted of a person; `expected` and `variance` are sums over the tickets that fitted."""

    fitting: int = 0
    assigned: int = 0
    outside: int = 0
    expected: float = 0.0
    variance: float = 0.0


class FairnessTally:
    """Counts events part by part, so that a month of them is never held at once."""

    def __init__(self) -> None:
        self._people = dict[str, _Counted]()
        self._open: tuple[str, TicketRouted] | None = None  # the last table of the ticket that is being counted

    def take(self, events: Iterable[Recorded]) -> None:
        """Count the next events of routing and assignment, in order of ticket and version."""
        for one in events:
            if isinstance(one.event, TicketRouted):
                self._open = one.ticket_id, one.event
            elif isinstance(one.event, TicketAssigned) and self._open and self._open[0] == one.ticket_id:
                self._assigned(self._open[1], one.event.assignee.person)
                self._open = None

    def shares(self) -> Sequence[PersonShare]:
        """Give the share of each person so far, by name."""
        return [_share(name, self._people[name]) for name in sorted(self._people)]

    def _assigned(self, table: TicketRouted, person: str) -> None:
        fit = [row.person for row in table.ranking if row.unfit is None]
        for name in fit:
            counted, chance = self._people.setdefault(name, _Counted()), 1 / len(fit)
            counted.fitting += 1
            counted.expected += chance
            counted.variance += chance * (1 - chance)
        counted = self._people.setdefault(person, _Counted())
        if person in fit:
            counted.assigned += 1
        else:
            counted.outside += 1


def shares(events: Iterable[Recorded]) -> Sequence[PersonShare]:
    """Hold each table against whom the ticket was given to after it, by hand or by the bus; by name.

    `events` are those of routing and assignment, in order of ticket and version. A table that nobody was assigned after
    counts nowhere.
    """
    tally = FairnessTally()
    tally.take(events)
    return tally.shares()


def fairness_since(since: datetime | None, now: datetime, field: str) -> datetime:
    """Give the time to count from: the one that is asked for, or 30 days ago.

    Raises MalformedInput that names `field` where it is more than 31 days ago.
    """
    if since is not None and now - since > WINDOW_MAX:
        days, earliest = WINDOW_MAX.days, (now - WINDOW_MAX).isoformat(timespec="seconds")
        zh = f"“{field}”最多为 {days} 天前,请给出不早于 {earliest} 的时间"
        raise MalformedInput("out_of_range", field, zh, f"{field} is at most {days} days ago: not before {earliest}")
    return now - WINDOW if since is None else since


def _share(person: str, counted: _Counted) -> PersonShare:
    return PersonShare(
        person=person,
        fitting=counted.fitting,
        assigned=counted.assigned,
        expected=round(counted.expected, 1),
        outside=counted.outside,
        judgement=_judged(counted),
    )


def _judged(counted: _Counted) -> Fairness:
    """Judge how far somebody is from their share: within two standard deviations it may be chance."""
    more = counted.assigned - counted.expected
    if counted.fitting < FITTING_MIN:
        return Fairness.TOO_FEW
    if abs(more) <= _SPREAD * sqrt(counted.variance):
        return Fairness.EVEN
    return Fairness.MORE if more > 0 else Fairness.LESS
