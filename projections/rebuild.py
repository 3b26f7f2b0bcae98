"""Building a read model again from the first event of the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bus.domain.errors import BusError
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Pool, connected
from bus.stage import offsets
from bus.stage.runner import Runner
from projections.read_model import ReadModel
from projections.store import ProjectionHandler

LOCK_TIMEOUT_S = 20

_LOCK = "SELECT 1 FROM stage_offsets WHERE handler = %s ORDER BY partition FOR UPDATE"


class RebuildStopped(BusError):
    """A record of the log could not be folded; the read model is stopped before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild came to: records read by this process, and partitions now at the end of the log."""

    records: int
    partitions: int


async def rebuild(
    handler: ProjectionHandler[Any, Any],
    *,
    topic: str,
    partitions: int,
    pool: Pool,
    runner: Runner,
    reader: RangeReader,
    progress: Callable[[int], None] = lambda _records: None,
) -> Rebuilt:
    """Empty a read model and fold the log in again up to its present end.

    A running worker of the stage may help or go on meanwhile: each range takes effect once.
    Readers see the model grow. Raises Transient (run it again), RebuildStopped.
    """
    await _empty(handler.model, topic=topic, partitions=partitions, pool=pool)
    ends = await reader.ends(topic, range(partitions))
    done = await runner.catch_up([handler], ends, progress=progress)
    for partition in range(partitions):
        if why := runner.stopped(handler.name, partition):
            raise RebuildStopped(f"{handler.name}, partition {partition} stopped at {why}")
    return Rebuilt(records=done, partitions=partitions)


async def _empty(model: ReadModel[Any, Any], *, topic: str, partitions: int, pool: Pool) -> None:
    tables = ", ".join(table.name for table in model.tables)
    async with connected(pool) as connection:
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'".encode())
        await offsets.begin(connection, [model.name], topic, range(partitions))
        await connection.execute(_LOCK, (model.name,))  # the offsets first, as every batch does: no deadlock
        await connection.execute(f"TRUNCATE {tables}".encode())
        await offsets.rewind(connection, model.name)
