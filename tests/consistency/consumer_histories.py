"""Histories of consumers, made up reading by reading, ten seconds apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bus.consistency.consumer_history import ConsumerHistory, ConsumerKind, PartitionOffsets, TopicReading
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict, verdict

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)
EVERY = timedelta(seconds=10)
Moment = tuple[int | None, int, int | None]  # committed, end, members


def history_of(moments: Sequence[Moment], *, low: int = 0, **fields: Any) -> ConsumerHistory:
    """Make a history of one partition; the last reading is NOW."""
    readings = [
        TopicReading(
            at=NOW - EVERY * (len(moments) - 1 - index),
            members=members,
            partitions={0: PartitionOffsets(committed=committed, low=low, end=end)},
        )
        for index, (committed, end, members) in enumerate(moments)
    ]
    history = ConsumerHistory(kind=ConsumerKind.GROUP, consumer="bi", topic="ticket.assign", readings=readings)
    return replace(history, **fields)


def with_low(history: ConsumerHistory, lows: Iterable[int]) -> ConsumerHistory:
    """Give each reading a low water mark of its own."""
    readings = [
        replace(one, partitions={p: replace(each, low=low) for p, each in one.partitions.items()})
        for one, low in zip(history.readings, lows, strict=True)
    ]
    return replace(history, readings=readings)


def judged(moments: Sequence[Moment], *, low: int = 0, **fields: Any) -> ConsumerStatus:
    """Judge a history of one partition."""
    return verdict(history_of(moments, low=low, **fields), NOW)


def ever(moments: Sequence[Moment], **fields: Any) -> set[ConsumerVerdict]:
    """Give every verdict that any beginning of the history gets, round by round."""
    whole = history_of(moments, **fields)
    found = set[ConsumerVerdict]()
    for count in range(1, len(moments) + 1):
        part = replace(whole, readings=whole.readings[:count])
        found |= {*verdict(part, part.readings[-1].at).verdicts}
    return found


def on_partitions(partitions: Mapping[int, PartitionOffsets], members: int, rounds: int) -> ConsumerHistory:
    """Make a history in which nothing moves on several partitions."""
    readings = [
        TopicReading(at=NOW - EVERY * (rounds - 1 - index), members=members, partitions=partitions)
        for index in range(rounds)
    ]
    return ConsumerHistory(kind=ConsumerKind.GROUP, consumer="bi", topic="ticket.assign", readings=readings)
