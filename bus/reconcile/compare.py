"""Compares a source's list with the bus's tickets: counts per ten minutes first, then number by number. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from bus.reconcile.source_list import ListedTicket

BUCKET: Final = timedelta(minutes=10)
SETTLED_AFTER: Final = timedelta(minutes=5)  # what was opened since then may be under way
BORDER: Final = timedelta(minutes=30)  # clocks differ: a ticket so near to an end may be listed beyond it
_SUMS: Final = 2**64


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
    """Ten minutes in which source and bus do not have the same tickets: how many each has."""

    at: datetime
    listed: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """What source and bus say of one ticket."""

    number: str
    ticket_id: str
    field: str
    listed: str
    known: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListComparison:
    """What a list came to. `missing_here`: the bus never got it. `missing_there`: the source has it no more.

    `listed`, `known` and `buckets` count tickets and buckets within the window.
    """

    listed: int
    known: int
    buckets: int
    unequal: Sequence[TimeBucket]
    missing_here: Sequence[ListedTicket]
    missing_there: Sequence[KnownTicket]
    different: Sequence[FieldDifference]


@dataclass(slots=True)
class _Tally:
    listed: int = 0
    known: int = 0
    listed_sum: int = 0
    known_sum: int = 0

    @property
    def equal(self) -> bool:
        return (self.listed, self.listed_sum) == (self.known, self.known_sum)


def compare(listed: Mapping[str, ListedTicket], known: Mapping[str, KnownTicket], window: ListWindow) -> ListComparison:
    """Compare a whole list with all that the bus knows of it, both by number.

    `known` has every listed number that the bus has, whenever its ticket was opened, and every ticket of the source
    within the window. A ticket in different buckets on both sides, as clocks differ, makes both unequal and no more:
    numbers are looked for everywhere.
    """
    theirs = [one for one in listed.values() if window.holds(one.at)]
    ours = [one for one in known.values() if window.holds(one.at)]
    tallies = defaultdict[datetime, _Tally](_Tally)
    for ticket in theirs:
        tally = tallies[bucket_of(ticket.at)]
        tally.listed += 1
        tally.listed_sum = (tally.listed_sum + _digest(ticket.number, ticket.fields)) % _SUMS
    for one in ours:
        tally = tallies[bucket_of(one.at)]
        tally.known += 1
        compared = listed[one.number].fields if one.number in listed else {}
        shown = {name: value for name, value in one.fields.items() if name in compared}
        tally.known_sum = (tally.known_sum + _digest(one.number, shown)) % _SUMS
    unequal = {at for at, tally in tallies.items() if not tally.equal}
    suspects = sorted((one for one in theirs if bucket_of(one.at) in unequal), key=lambda one: (one.at, one.number))
    inner = ListWindow(since=window.since + BORDER, until=window.until - BORDER)
    lost = (one for one in ours if bucket_of(one.at) in unequal and one.number not in listed and inner.holds(one.at))
    return ListComparison(
        listed=len(theirs),
        known=len(ours),
        buckets=len(tallies),
        unequal=[TimeBucket(at=at, listed=tallies[at].listed, known=tallies[at].known) for at in sorted(unequal)],
        missing_here=[one for one in suspects if one.number not in known],
        missing_there=sorted(lost, key=lambda one: (one.at, one.number)),
        different=[
            difference for one in suspects if one.number in known for difference in _differences(one, known[one.number])
        ],
    )


def bucket_of(at: datetime) -> datetime:
    """Give the beginning of the ten minutes that a time is in."""
    seconds = int(BUCKET.total_seconds())
    return datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, UTC)


def _differences(listed: ListedTicket, known: KnownTicket) -> list[FieldDifference]:
    return [
        FieldDifference(
            number=listed.number, ticket_id=known.ticket_id, field=name, listed=value, known=known.fields[name]
        )
        for name, value in listed.fields.items()
        if name in known.fields and known.fields[name] != value
    ]


def _digest(number: str, fields: Mapping[str, str]) -> int:
    content = "\0".join([number, *(f"{name}={fields[name]}" for name in sorted(fields))])
    return int.from_bytes(blake2b(content.encode(), digest_size=8).digest())
