"""The verdict on a reader of a topic, or of a target's queue, by its history. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from bus.consistency.consumer_history import (
    GAP,
    LOOK_AFTER,
    ConsumerHistory,
    ConsumerKind,
    PartitionHistory,
    PartitionReading,
    absent,
    partition_histories,
    unsubscribed_since,
)

GRACE: Final = timedelta(seconds=60)  # within it a restart, a rebalance or a slow commit is nothing
FLAPPING_AFTER: Final = timedelta(minutes=3)  # members come and go, and nothing is read
COMMIT_EVERY_MAX: Final = timedelta(minutes=10)  # who commits less often is known not to
SLOW_WINDOW: Final = timedelta(minutes=5)
SLOW_AGE: Final = timedelta(minutes=2)
SLOW_GROWTH: Final = 1.1
LOSS_WITHIN: Final = timedelta(hours=24)
LOW_MOVES_MIN: Final = 2  # before its speed says something


class ConsumerVerdict(StrEnum):
    """How a consumer does; the worst first."""

    HAS_LOST = "has_lost"  # what it has not read yet is deleted
    WILL_LOSE = "will_lose"  # it will be, within a day
    VANISHED = "vanished"  # it had offsets, and is gone
    STOPPED = "stopped"  # something is unread, and there are no members
    STALLED = "stalled"  # something is unread, there are members, and nothing moves
    NEVER_STARTED = "never_started"  # declared, and never seen; or it commits, and one partition with records never
    SLOW = "slow"  # it reads, and falls further behind
    REWOUND = "rewound"  # it has committed further before
    UNSUBSCRIBED = "unsubscribed"  # it has offsets here, and its members subscribe to other topics
    OK = "ok"
    IDLE = "idle"  # nothing is unread, and nothing comes


Figure = Callable[[PartitionReading], int]
RANK: Final = {one: rank for rank, one in enumerate(ConsumerVerdict)}


def is_well(verdict: ConsumerVerdict) -> bool:
    """Say whether nobody has to look. Pure."""
    return RANK[verdict] >= RANK[ConsumerVerdict.OK]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStatus:
    """A consumer as it was judged: all verdicts that hold, the worst first, and how the worst partition is.

    `since`: when the worst began to hold. `oldest_at`: of the oldest unread record, where it is known. `loses_at`: when
    that is deleted. `highest`: the most that was committed there.
    """

    kind: ConsumerKind
    consumer: str
    topic: str
    verdicts: tuple[ConsumerVerdict, ...]
    since: datetime
    lag: int
    members: int | None
    oldest_at: datetime | None
    loses_at: datetime | None
    partition: int
    committed: int | None
    low: int
    ends: int
    highest: int | None
    declared: bool
    had_offsets: bool
    read_at: datetime

    @property
    def verdict(self) -> ConsumerVerdict:
        """Give the worst."""
        return self.verdicts[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A verdict on a partition, and since when."""

    verdict: ConsumerVerdict
    since: datetime
    partition: int


def verdict(history: ConsumerHistory, now: datetime) -> ConsumerStatus:
    """Judge a consumer by its readings; its worst partition counts."""
    partitions, last = partition_histories(history), history.readings[-1]
    left = _unsubscribed(history)
    had_offsets = last.begun if left else history.had_offsets or any(one.begun for one in history.readings)
    losses = {p: _loses_at(one, history, now) for p, one in partitions.items()}
    held = [*(left or _absence(history, had_offsets=had_offsets))] or [
        each for p, one in partitions.items() for each in _judged(one, p, losses[p], now)
    ]
    if not left and last.begun and not history.declared:
        held += [each for p, one in partitions.items() for each in _never_committed(one, p)]
    lags = {p: one.lag for p, one in partitions.items()}
    worst = min(held, key=lambda one: (RANK[one.verdict], -lags.get(one.partition, 0), one.partition))
    since = min(one.since for one in held if one.verdict is worst.verdict)
    there = partitions.get(worst.partition)
    return ConsumerStatus(
        kind=history.kind,
        consumer=history.consumer,
        topic=history.topic,
        verdicts=_in_order(held),
        since=since,
        lag=sum(lags.values()),
        members=last.members,
        oldest_at=min((at for one in partitions.values() if (at := _oldest_at(one))), default=None),
        loses_at=min((at for at in losses.values() if at), default=None),
        partition=worst.partition,
        committed=there.last.committed if there else None,
        low=there.last.low if there else 0,
        ends=there.last.end if there else 0,
        highest=_highest(there) if there else None,
        declared=history.declared,
        had_offsets=had_offsets,
        read_at=last.at,
    )


def _in_order(held: Sequence[_Held]) -> tuple[ConsumerVerdict, ...]:
    """Give the verdicts, the worst first; that a partition is well says nothing where another is not."""
    found = sorted({one.verdict for one in held}, key=RANK.__getitem__)
    return tuple(one for one in found if not is_well(one)) or (found[0],)


def _absence(history: ConsumerHistory, *, had_offsets: bool) -> Iterator[_Held]:
    """Say of one without offsets and members that it is gone, or was never there."""
    gone, last = absent(history), history.readings[-1]
    if not last.partitions:
        yield _Held(verdict=ConsumerVerdict.IDLE, since=last.at, partition=0)
    elif gone and last.at - gone[0].at >= GRACE and (had_offsets or history.declared):
        what = ConsumerVerdict.VANISHED if had_offsets else ConsumerVerdict.NEVER_STARTED
        yield _Held(verdict=what, since=gone[0].at, partition=min(last.partitions))


def _unsubscribed(history: ConsumerHistory) -> Sequence[_Held]:
    """Say of a group that its members have left the topic, for as long as its offsets are there."""
    last, since = history.readings[-1], unsubscribed_since(history)
    if since is None or history.declared or (last.at - since < GRACE and not history.unsubscribed):
        return ()
    if not last.begun:
        return [_Held(verdict=ConsumerVerdict.IDLE, since=last.at, partition=0)]
    return [
        _Held(verdict=ConsumerVerdict.UNSUBSCRIBED, since=since, partition=p)
        for p, one in last.partitions.items()
        if one.committed is not None
    ]


def _never_committed(one: PartitionHistory, partition: int) -> Iterator[_Held]:
    """Say of a partition with records that a group which commits others has never committed it.

    Whether it reads them only its auto.offset.reset says. A new partition has as long as a commit may take.
    """
    first = next((each for each in one.readings if each.end > each.low), None)
    if first is None or any(each.committed is not None for each in one.readings) or one.last.end <= one.last.low:
        return
    if one.last.at - first.at >= COMMIT_EVERY_MAX and all(each.members for each in one.within(GRACE)):
        yield _Held(verdict=ConsumerVerdict.NEVER_STARTED, since=first.at, partition=partition)


def _judged(one: PartitionHistory, partition: int, loses_at: datetime | None, now: datetime) -> Iterator[_Held]:
    def held(what: ConsumerVerdict, since: datetime) -> _Held:
        return _Held(verdict=what, since=since, partition=partition)

    last, healthy = one.last, True
    if one.lost:
        lost = one.run(lambda each: each.committed is not None and each.committed < each.low)
        healthy = False
        yield held(ConsumerVerdict.HAS_LOST, lost[0].at)
    if loses_at and loses_at - now <= LOSS_WITHIN:
        healthy = False
        yield held(ConsumerVerdict.WILL_LOSE, one.behind()[0].at)
    if at := _stands(one):
        healthy = False
        yield held(*at)
    elif _slow(one):
        healthy = False
        yield held(ConsumerVerdict.SLOW, one.behind()[0].at)
    highest = _highest(one)
    if highest is not None and last.committed is not None and last.committed < highest <= last.end:
        healthy = False
        yield held(ConsumerVerdict.REWOUND, one.run(lambda each: each.committed != highest)[0].at)
    if healthy:
        quiet = not one.lag and all(each.end == last.end for each in one.within(SLOW_WINDOW))
        yield held(ConsumerVerdict.IDLE if quiet else ConsumerVerdict.OK, last.at)


def _stands(one: PartitionHistory) -> tuple[ConsumerVerdict, datetime] | None:
    """Say whether nobody reads, or members are there and get nowhere."""
    still, last = one.still(), one.last
    if not still or last.at - still[0].at < GRACE:
        return None
    since = still[0].at
    lately = [each.members for each in still if last.at - each.at <= GRACE]
    if all(each == 0 for each in lately):
        alone = one.run(lambda each: each.members == 0)
        return ConsumerVerdict.STOPPED, max(since, alone[0].at)
    patience = FLAPPING_AFTER if any(each == 0 for each in lately) else _patience(one)
    return (ConsumerVerdict.STALLED, since) if last.at - since >= patience else None


def _patience(one: PartitionHistory) -> timedelta:
    """Give how long it may commit nothing: half as long again as the longest time that it worked without a commit."""
    longest, busy_since = timedelta(0), None
    for before, after in pairwise(one.readings):
        if after.at - before.at > GAP or after.end <= one.base(after):
            busy_since = None
        elif _moved(before, after):
            longest = max(longest, after.at - busy_since) if busy_since else longest
            busy_since = after.at
    return min(max(GRACE, longest * 1.5), COMMIT_EVERY_MAX)


def _moved(before: PartitionReading, after: PartitionReading) -> bool:
    return before.committed is not None and after.committed is not None and after.committed > before.committed


def _slow(one: PartitionHistory) -> bool:
    """Say whether it reads and falls further behind, for minutes: a burst that it works off is nothing."""
    window = [*one.within(SLOW_WINDOW)]
    behind = one.behind()
    if not behind or one.last.at - behind[0].at < SLOW_AGE or one.last.at - window[0].at < SLOW_WINDOW * 0.9:
        return False
    lags = [each.end - one.base(each) for each in window]
    third = len(lags) // 3
    if not third or min(lags) <= 0 or one.base(window[-1]) <= one.base(window[0]):
        return False
    half = third // 2
    grows_now = sum(lags[-half:]) >= sum(lags[-2 * half : -half])  # a burst before that is worked off by now
    return grows_now and sum(lags[-third:]) > SLOW_GROWTH * sum(lags[:third])


def _highest(one: PartitionHistory) -> int | None:
    return max((each.committed for each in one.readings if each.committed is not None), default=None)


def _oldest_at(one: PartitionHistory) -> datetime | None:
    """Give the time of the oldest unread record: as it was looked up, else when it was first seen to be there."""
    behind = one.behind() if one.lag else ()
    return one.record_at or (behind[0].at if behind else None)


def _loses_at(one: PartitionHistory, history: ConsumerHistory, now: datetime) -> datetime | None:
    """Give when the oldest unread record is deleted; None where that is not known, or it will be read before."""
    if not one.lag:
        return None
    found = [one.record_at + history.retention] if one.record_at and history.retention else []
    waits = one.last.at - one.behind()[0].at >= LOOK_AFTER
    if history.by_size and waits and _moves(one.readings, lambda each: each.low) >= LOW_MOVES_MIN:
        nearer = _speed(one.readings, lambda each: each.low - one.base(each))
        if nearer > 0:
            found.append(now + timedelta(seconds=max(0, one.first_unread - one.last.low) / nearer))
    if not found:
        return None
    catches_up = -_speed(one.within(SLOW_WINDOW), lambda each: each.end - one.base(each))
    in_time = catches_up > 0 and now + timedelta(seconds=one.lag / catches_up) < min(found)
    return None if in_time else min(found)


def _moves(readings: Sequence[PartitionReading], figure: Figure) -> int:
    return sum(figure(before) != figure(after) for before, after in pairwise(readings))


def _speed(readings: Sequence[PartitionReading], figure: Figure) -> float:
    """Give how much a figure grows in a second; 0 for one reading alone."""
    if len(readings) < 2:
        return 0.0
    return (figure(readings[-1]) - figure(readings[0])) / (readings[-1].at - readings[0].at).total_seconds()
