"""Compares a source's list with the bus's tickets, number by number, and counts both per ten minutes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from bus.reconcile.source_list import ListedTicket

BUCKET: Final = timedelta(minutes=10)
SETTLED_AFTER: Final = timedelta(minutes=5)  # what was opened since then may be under way
BORDER: Final = timedelta(minutes=30)  # clocks differ: a ticket so near to an end may be listed beyond it


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTicket:
    """A number of the source's that the bus has; `at` is when its ticket was opened, by the source's clock.

    `fields` can be compared; none of a report that joined another number's ticket.
    """

    number: str
    at: datetime
    ticket_id: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWindow:
    """The tickets that are judged: opened at the source from `since` on and before `until`."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        """Say whether a time is within."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBucket:
    """Ten minutes of the source's time, and how many tickets source and bus have of them."""

    at: datetime
    listed: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """What source and bus say of one ticket."""

    number: str
    at: datetime
    ticket_id: str
    field: str
    listed: str
    known: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListComparison:
    """What a list came to. `missing_here`: the bus never got it. `missing_there`: the source has it no more.

    `listed` and `known` count tickets within the window, `buckets` those of each ten minutes that have any.
    `not_judged`: the source does not list it, and whether it lost it is not known: near an end of the window, or its
    wider list did not come.
    """

    listed: int
    known: int
    buckets: Sequence[TimeBucket]
    missing_here: Sequence[ListedTicket]
    missing_there: Sequence[KnownTicket]
    different: Sequence[FieldDifference]
    not_judged: Sequence[KnownTicket] = ()

    @property
    def unequal(self) -> Sequence[TimeBucket]:
        """Give the ten minutes of which a ticket is named; a ticket beside its place, as clocks differ, is none."""
        times = [one.at for one in self.missing_here] + [one.at for one in self.missing_there]
        named = {bucket_of(at) for at in times + [one.at for one in self.different]}
        return [one for one in self.buckets if one.at in named]

    @property
    def unjudged_buckets(self) -> Sequence[TimeBucket]:
        """Give the other ten minutes that have a ticket which is not judged."""
        open_ = {bucket_of(one.at) for one in self.not_judged} - {one.at for one in self.unequal}
        return [one for one in self.buckets if one.at in open_]


def compare(listed: Mapping[str, ListedTicket], known: Mapping[str, KnownTicket], window: ListWindow) -> ListComparison:
    """Compare a whole list with all that the bus knows of it, both by number.

    `known` has every listed number that the bus has, whenever its ticket was opened, and every ticket of the source
    within the window.
    """
    theirs = sorted((one for one in listed.values() if window.holds(one.at)), key=lambda one: (one.at, one.number))
    ours = [one for one in known.values() if window.holds(one.at)]
    inner = ListWindow(since=window.since + BORDER, until=window.until - BORDER)
    unlisted = sorted((one for one in ours if one.number not in listed), key=lambda one: (one.at, one.number))
    return ListComparison(
        listed=len(theirs),
        known=len(ours),
        buckets=_counts(theirs, ours),
        missing_here=[one for one in theirs if one.number not in known],
        missing_there=[one for one in unlisted if inner.holds(one.at)],
        different=[
            difference for one in theirs if one.number in known for difference in _differences(one, known[one.number])
        ],
        not_judged=[one for one in unlisted if not inner.holds(one.at)],
    )


def _counts(theirs: Iterable[ListedTicket], ours: Iterable[KnownTicket]) -> Sequence[TimeBucket]:
    listed = Counter(bucket_of(one.at) for one in theirs)
    known = Counter(bucket_of(one.at) for one in ours)
    return [TimeBucket(at=at, listed=listed[at], known=known[at]) for at in sorted({*listed, *known})]


def bucket_of(at: datetime) -> datetime:
    """Give the beginning of the ten minutes that a time is in."""
    seconds = int(BUCKET.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _differences(listed: ListedTicket, known: KnownTicket) -> list[FieldDifference]:
    return [
        FieldDifference(
            number=listed.number,
            at=listed.at,
            ticket_id=known.ticket_id,
            field=name,
            listed=value,
            known=known.fields[name],
        )
        for name, value in listed.fields.items()
        if name in known.fields and known.fields[name] != value
    ]
