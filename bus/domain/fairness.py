"""Fairness of assignments: who was given how many of the tickets that they could have taken (R5). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from typing import Final

from bus.domain.events import Recorded, TicketAssigned
from bus.domain.routed import TicketRouted
from bus.domain.terms import Term

WINDOW: Final = timedelta(days=30)
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


def shares(events: Iterable[Recorded]) -> Sequence[PersonShare]:
    """Hold each table against whom the ticket was given to after it, by hand or by the bus; by name.

    `events` are those of routing and assignment, in order of ticket and version. A table that nobody was assigned after
    counts nowhere.
    """
    chances, assigned, outside = dict[str, list[float]](), dict[str, int](), dict[str, int]()
    open_tables = dict[str, TicketRouted]()
    for one in events:
        if isinstance(one.event, TicketRouted):
            open_tables[one.ticket_id] = one.event
        elif isinstance(one.event, TicketAssigned) and (table := open_tables.pop(one.ticket_id, None)):
            fit = [row.person for row in table.ranking if row.unfit is None]
            for person in fit:
                chances.setdefault(person, []).append(1 / len(fit))
            counted = assigned if one.event.assignee.person in fit else outside
            counted[one.event.assignee.person] = counted.get(one.event.assignee.person, 0) + 1
    names = sorted({*chances, *outside})
    return [_share(name, chances.get(name, ()), assigned.get(name, 0), outside.get(name, 0)) for name in names]


def _share(person: str, chances: Sequence[float], assigned: int, outside: int) -> PersonShare:
    expected = sum(chances)
    return PersonShare(
        person=person,
        fitting=len(chances),
        assigned=assigned,
        expected=round(expected, 1),
        outside=outside,
        judgement=_judged(chances, assigned - expected),
    )


def _judged(chances: Sequence[float], more: float) -> Fairness:
    """Judge how far somebody is from their share: within two standard deviations it may be chance."""
    if len(chances) < FITTING_MIN:
        return Fairness.TOO_FEW
    if abs(more) <= _SPREAD * sqrt(sum(chance * (1 - chance) for chance in chances)):
        return Fairness.EVEN
    return Fairness.MORE if more > 0 else Fairness.LESS
