"""How far each handler is behind the log, partition by partition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bus.log.reader import LogReader
from bus.stage.offsets import Standing


class Health(StrEnum):
    """How a handler stands on a partition."""

    LIVE = "live"
    BEHIND = "behind"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Where a handler stands on a partition, against the end of the log; `failure` says why it is stopped."""

    handler: str
    topic: str
    partition: int
    next_offset: int
    end_offset: int
    lag: int
    state: Health
    moved_at: str | None
    failure: str | None


async def log_ends(reader: LogReader, rows: Iterable[Standing]) -> Mapping[tuple[str, int], int]:
    """Give the end of every partition that the rows name. Raises KafkaUnavailable."""
    topics: dict[str, set[int]] = {}
    for row in rows:
        topics.setdefault(row.topic, set()).add(row.partition)
    return {
        (topic, partition): end
        for topic, partitions in sorted(topics.items())
        for partition, end in (await reader.ends(topic, partitions)).items()
    }


def lag_of(row: Standing, end: int) -> Lag:
    """Compare a row with the end of its partition."""
    lag = end - row.next_offset
    health = Health.STOPPED if row.failure else Health.BEHIND if lag > 0 else Health.LIVE
    return Lag(
        handler=row.handler,
        topic=row.topic,
        partition=row.partition,
        next_offset=row.next_offset,
        end_offset=end,
        lag=lag,
        state=health,
        moved_at=row.moved_at.isoformat() if row.moved_at else None,
        failure=row.failure,
    )
