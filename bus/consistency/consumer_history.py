"""What is known of a reader of a topic, or of a target's queue: readings of offsets, water marks and members. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

GAP: Final = timedelta(seconds=45)  # between two readings: longer, and nobody knows what happened meanwhile
LOOK_AFTER: Final = timedelta(minutes=2)  # of what moves: for so long something is unread


class ConsumerKind(StrEnum):
    """What reads: a consumer group a topic, or delivery workers a target's queue."""

    GROUP = "group"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionOffsets:
    """A partition at one moment: what is committed, the first offset still there, and the last stable one.

    Of a queue: how many deliveries were settled so far, 0, and how many there were.
    """

    committed: int | None
    low: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReading:
    """A consumer on all partitions of a topic at one moment; `members` None: the broker does not list them.

    `elsewhere`: the group has members, and none subscribes to the topic; None: nobody knows.
    """

    at: datetime
    members: int | None
    partitions: Mapping[int, PartitionOffsets]
    elsewhere: bool | None = None

    @property
    def begun(self) -> bool:
        """Say whether anything is committed."""
        return any(one.committed is not None for one in self.partitions.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class OldestUnread:
    """What was found after a committed offset, `position`: no record before `next_offset`, the time of the one there.

    Without a record (transaction markers, compacted ones) `next_offset` is where the search ended.
    """

    position: int
    next_offset: int
    record_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerHistory:
    """All that a verdict is made of; readings oldest first, at least one.

    `declared`: a reader of this bus's own, which reads from the beginning. `retention`: of the topic, None: for ever.
    `by_size`: it is kept by size, so that the low water mark moves with the traffic. `unsubscribed`: it was judged so
    before.
    """

    kind: ConsumerKind
    consumer: str
    topic: str
    readings: Sequence[TopicReading]
    declared: bool = False
    had_offsets: bool = False
    unsubscribed: bool = False
    retention: timedelta | None = None
    by_size: bool = False
    looks: Mapping[int, OldestUnread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionReading:
    """One reading of one partition."""

    at: datetime
    members: int | None
    committed: int | None
    low: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionHistory:
    """One partition's readings, oldest first, and what was looked up where the consumer is now."""

    readings: Sequence[PartitionReading]
    from_the_start: bool
    look: OldestUnread | None

    @property
    def last(self) -> PartitionReading:
        """Give the newest reading."""
        return self.readings[-1]

    def base(self, one: PartitionReading) -> int:
        """Give where it reads on: where nothing is committed, the start or, of others' readers, the first known end."""
        if one.committed is not None:
            return one.committed
        return one.low if self.from_the_start else self.readings[0].end

    @property
    def known(self) -> OldestUnread | None:
        """Give what was looked up, unless it reads on elsewhere by now."""
        return self.look if self.look and self.look.position == self.base(self.last) else None

    def unread_from(self, one: PartitionReading) -> int:
        """Give the first offset that held, at a reading, a record which it could still read."""
        base = self.base(one)
        return max(base, one.low, self.look.next_offset if self.look and self.look.position == base else 0)

    @property
    def first_unread(self) -> int:
        """Give the first offset that may hold a record which it can still read."""
        return self.unread_from(self.last)

    @property
    def record_at(self) -> datetime | None:
        """Give the time of the oldest unread record, where it was looked up and is still there."""
        return self.known.record_at if self.known and self.known.next_offset >= self.last.low else None

    @property
    def lost(self) -> bool:
        """Say whether a record is deleted that it has not read."""
        read = self.known.next_offset if self.known else self.last.committed
        return self.last.committed is not None and read is not None and read < self.last.low

    @property
    def to_look_up(self) -> bool:
        """Say whether it is worth looking which record is the oldest unread one: it moves too slowly, or not at all."""
        if not self.lag or self.lost or self.record_at:  # what was lost is known by the look before
            return False
        return len(self.still()) > 1 or self.last.at - self.behind()[0].at >= LOOK_AFTER

    @property
    def lag(self) -> int:
        """Give how many offsets it is behind."""
        return self.lag_at(self.last)

    def lag_at(self, one: PartitionReading) -> int:
        """Give how many offsets it was behind at a reading."""
        return max(0, one.end - self.unread_from(one))

    def run(self, holds: Callable[[PartitionReading], bool]) -> Sequence[PartitionReading]:
        """Give the newest readings without a gap for which it holds; oldest first."""
        return _run(self.readings, holds)

    def still(self) -> Sequence[PartitionReading]:
        """Give the newest readings in which something was unread and nothing moved."""
        base, first = self.base(self.last), self.first_unread
        return self.run(lambda one: self.base(one) == base and one.end > first)

    def behind(self) -> Sequence[PartitionReading]:
        """Give the newest readings in which the oldest unread record was there."""
        first = self.first_unread
        return self.run(lambda one: one.end > first)

    def within(self, span: timedelta) -> Sequence[PartitionReading]:
        """Give the newest readings without a gap, as far back as that."""
        return self.run(lambda one: self.last.at - one.at <= span)


Reading = TypeVar("Reading", TopicReading, PartitionReading)


def partition_histories(history: ConsumerHistory) -> Mapping[int, PartitionHistory]:
    """Take the readings apart by partition; those of the newest reading alone."""
    return {
        partition: PartitionHistory(
            readings=[*_of_partition(history.readings, partition)],
            from_the_start=history.declared,
            look=history.looks.get(partition),
        )
        for partition in sorted(history.readings[-1].partitions)
    }


def lag_over_time(history: ConsumerHistory) -> Mapping[datetime, int]:
    """Give how many offsets it was behind at each reading, oldest first, on all partitions together."""
    lags = dict.fromkeys((one.at for one in history.readings), 0)
    for partition in partition_histories(history).values():
        for one in partition.readings:
            lags[one.at] += partition.lag_at(one)
    return lags


def absent(history: ConsumerHistory) -> Sequence[TopicReading]:
    """Give the newest readings in which it had neither offsets nor members."""
    return _run(history.readings, lambda one: not one.begun and not one.members)


def unsubscribed_since(history: ConsumerHistory) -> datetime | None:
    """Give since when no member of the group subscribes to the topic any more; None where one does, or did last.

    What is not known now, while the group rebalances or is down, is as it was known before.
    """
    known = [one for one in history.readings if one.elsewhere is not None]
    if not known:
        return history.readings[0].at if history.unsubscribed else None
    begin = len(known)
    while begin and known[begin - 1].elsewhere:
        begin -= 1
    return known[begin].at if begin < len(known) else None


def _of_partition(readings: Sequence[TopicReading], partition: int) -> Iterator[PartitionReading]:
    for one in readings:
        if found := one.partitions.get(partition):
            yield PartitionReading(
                at=one.at, members=one.members, committed=found.committed, low=found.low, end=found.end
            )


def _run(readings: Sequence[Reading], holds: Callable[[Reading], bool]) -> Sequence[Reading]:
    begin = len(readings)
    for index in range(len(readings) - 1, -1, -1):
        one = readings[index]
        if not holds(one) or (begin < len(readings) and readings[begin].at - one.at > GAP):
            break
        begin = index
    return readings[begin:]
