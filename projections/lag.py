"""How far each handler is behind the log, partition by partition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from bus.domain.errors import KafkaUnavailable
from bus.kafka.range_reader import RangeReader
from bus.stage.offsets import HandlerPosition, misplaced, no_topic


class Health(StrEnum):
    """The health of a handler on a partition."""

    LIVE = "live"
    BEHIND = "behind"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """A handler's position on a partition against the end of the log; `failure` says why it is stopped."""

    handler: str
    topic: str
    partition: int
    next_offset: int
    end_offset: int
    lag: int
    state: Health
    moved_at: str | None
    failure: str | None


def from_the_start(rows: Sequence[HandlerPosition], handlers: Mapping[str, tuple[str, int]]) -> list[HandlerPosition]:
    """Add the partitions that a handler never began, at offset 0; in order. Pure.

    `handlers` gives of each its topic, as the broker has it, and the number of partitions of that.
    """
    begun = {(row.handler, row.partition) for row in rows}
    never = [
        HandlerPosition(handler=name, partition=one, topic=topic, next_offset=0, moved_at=None, failure=None)
        for name, (topic, partitions) in handlers.items()
        for one in range(partitions)
        if (name, one) not in begun
    ]
    return sorted([*rows, *never], key=lambda row: (row.handler, row.partition))


async def lags(reader: RangeReader, rows: Sequence[HandlerPosition]) -> list[Lag]:
    """Hold rows against the ends of their partitions. Raises KafkaUnavailable."""
    ids = {topic: await reader.topic_id(topic) for topic in {row.topic for row in rows}}
    ends = await _ends(reader, [row for row in rows if ids[row.topic]])
    return [_lag(row, ends.get((row.topic, row.partition)), ids[row.topic]) for row in rows]


async def log_ends(reader: RangeReader, rows: Iterable[HandlerPosition]) -> Mapping[tuple[str, int], int]:
    """Give the end of every partition that the rows name. Raises KafkaUnavailable, also when a topic is not there."""
    named = list(rows)
    for topic in {row.topic for row in named}:
        if await reader.topic_id(topic) is None:
            raise KafkaUnavailable(no_topic(topic))
    return await _ends(reader, named)


async def _ends(reader: RangeReader, rows: Sequence[HandlerPosition]) -> Mapping[tuple[str, int], int]:
    topics: dict[str, set[int]] = {}
    for row in rows:
        topics.setdefault(row.topic, set()).add(row.partition)
    return {
        (topic, partition): end
        for topic, partitions in sorted(topics.items())
        for partition, end in (await reader.ends(topic, partitions)).items()
    }


def _lag(row: HandlerPosition, found: int | None, topic_id: UUID | None) -> Lag:
    end = row.next_offset if found is None else found  # a topic that is not there has none
    lag = end - row.next_offset
    failure = row.failure or misplaced(row, topic_id, end)
    health = Health.STOPPED if failure else Health.BEHIND if lag > 0 else Health.LIVE
    return Lag(
        handler=row.handler,
        topic=row.topic,
        partition=row.partition,
        next_offset=row.next_offset,
        end_offset=end,
        lag=lag,
        state=health,
        moved_at=row.moved_at.isoformat() if row.moved_at else None,
        failure=failure,
    )
