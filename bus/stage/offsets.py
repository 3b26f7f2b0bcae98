"""The offsets in PostgreSQL: how far each handler is on each partition, and when each batch took effect."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from bus.domain.errors import InvariantBroken
from bus.postgres.pool import Connection

DELIVERIES_HANDLER = "deliveries"  # the one of which a person says where it goes on: what it does is done outside
BATCHES_KEPT = 100_000  # per handler and partition; older ones are pruned
PRUNE_EVERY = 10_000  # offsets

# Effects and offset are lost together or not at all, and Kafka still has the records: no batch waits for the disk.
_LOCK = """
SELECT partition, next_offset, set_config('synchronous_commit', 'off', true) FROM stage_offsets
WHERE handler = %s AND partition = ANY(%s) ORDER BY partition FOR UPDATE"""
_BEGIN = """
INSERT INTO stage_offsets (handler, partition, topic, next_offset)
SELECT * FROM unnest(%s::text[], %s::int[], %s::text[], %s::bigint[]) ON CONFLICT (handler, partition) DO NOTHING"""
_MOVE = """
UPDATE stage_offsets o SET next_offset = w.ends, moved_at = %s, failure = NULL
FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS w (partition, starts, ends)
WHERE o.handler = %s AND o.partition = w.partition AND o.next_offset = w.starts"""
_NOTE = """
INSERT INTO stage_batches (handler, partition, first_offset, next_offset, at)
SELECT %s, w.*, %s FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS w
ON CONFLICT (handler, partition, first_offset) DO NOTHING"""
_PRUNE = """
DELETE FROM stage_batches WHERE handler = %(handler)s AND partition = %(partition)s AND first_offset < (
    SELECT first_offset FROM stage_batches WHERE handler = %(handler)s AND partition = %(partition)s
    ORDER BY first_offset DESC OFFSET %(kept)s LIMIT 1)"""
_STOP = "UPDATE stage_offsets SET failure = %s WHERE handler = %s AND partition = %s"
_REVIVE = "UPDATE stage_offsets SET failure = NULL WHERE handler = ANY(%s) AND failure IS NOT NULL"
_STALL = """
UPDATE stage_offsets SET failure = %s
WHERE handler = ANY(%s) AND failure IS NULL AND (partition = ANY(%s) OR %s)"""
_UNSTALL = "UPDATE stage_offsets SET failure = NULL WHERE handler = ANY(%s) AND starts_with(failure, %s)"
_POSITIONS = "SELECT handler, partition, topic, topic_id, next_offset, moved_at, failure FROM stage_offsets"
_ADOPT = "UPDATE stage_offsets SET topic_id = %s WHERE handler = ANY(%s) AND topic_id IS NULL"
_REWIND = """
UPDATE stage_offsets SET next_offset = coalesce((%(ends)s::jsonb ->> partition::text)::bigint, 0), failure = NULL,
    topic_id = CASE WHEN %(anew)s THEN NULL ELSE topic_id END
WHERE handler = %(handler)s"""
_FORGET = "DELETE FROM stage_batches WHERE handler = %s"


STALLED = "fails again and again: "  # how the failure of a stage as a whole begins


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerPosition:
    """How far a handler is on a partition; `failure` says why it is stopped, if it is."""

    handler: str
    partition: int
    topic: str
    next_offset: int
    moved_at: datetime | None
    failure: str | None
    topic_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A step of a partition's offset."""

    partition: int
    start: int
    end: int


def no_topic(topic: str) -> str:
    """Say that a topic is not there, and what makes it. Pure."""
    return f"no topic {topic}: ticketbus prepare, or topics apply"


def misplaced(row: HandlerPosition, topic_id: UUID | None, end: int) -> str | None:
    """Say why a handler cannot go on where it stands in the topic that is there now, if one is; None if it can. Pure.

    The records of another topic, or after an end that lies before, have offsets that count as done.
    """
    if topic_id is None:
        return no_topic(row.topic)
    how = f"read it again: ticketbus stage reset {row.handler}"
    if row.handler == DELIVERIES_HANDLER:
        how = f"decide where it goes on: ticketbus stage reset {row.handler} --to end, or --to start"
    if row.topic_id not in {None, topic_id}:
        return f"the topic was made anew, and its offsets count anew; {how}"
    if end < row.next_offset:
        return f"the log ends at {end}, before what took effect; {how}"
    return None


async def begin(connection: Connection, handlers: Sequence[str], topic: str, partitions: Sequence[int]) -> None:
    """Let handlers start at offset 0 on partitions that they never saw; idempotent."""
    rows = [(handler, partition, topic, 0) for handler in sorted(handlers) for partition in sorted(partitions)]
    if rows:
        await connection.execute(_BEGIN, [list(column) for column in zip(*rows, strict=True)])


async def positions(connection: Connection, handlers: Sequence[str] | None = None) -> list[HandlerPosition]:
    """Read how far the handlers are (default: all of them), in order of handler and partition."""
    named = "" if handlers is None else " WHERE handler = ANY(%s)"
    query = f"{_POSITIONS}{named} ORDER BY handler, partition"
    rows = await (await connection.execute(query.encode(), None if handlers is None else (list(handlers),))).fetchall()
    return [
        HandlerPosition(handler=h, partition=p, topic=t, topic_id=i, next_offset=n, moved_at=at, failure=failure)
        for h, p, t, i, n, at, failure in rows
    ]


async def lock(connection: Connection, handler: str, partitions: Sequence[int]) -> dict[int, int]:
    """Lock rows until the transaction ends and give the offset that comes next of each that was begun."""
    rows = await (await connection.execute(_LOCK, (handler, sorted(partitions)))).fetchall()
    return {partition: next_offset for partition, next_offset, _ in rows}


async def move(connection: Connection, handler: str, moves: Sequence[Move], *, at: datetime) -> None:
    """Move offsets and note the batches; the oldest are deleted from time to time.

    Raises InvariantBroken if another transaction moved one of them.
    """
    columns = [[one.partition for one in moves], [one.start for one in moves], [one.end for one in moves]]
    async with connection.pipeline():
        moved = await connection.execute(_MOVE, (at, *columns, handler))
        await connection.execute(_NOTE, (handler, at, *columns))
    if moved.rowcount != len(moves):
        raise InvariantBroken(f"{handler}: an offset was moved under its lock: {moves}")
    for one in moves:
        if one.start // PRUNE_EVERY != one.end // PRUNE_EVERY:
            what = {"handler": handler, "partition": one.partition, "kept": BATCHES_KEPT}
            await connection.execute(_PRUNE, what)


async def stop(connection: Connection, handler: str, partition: int, why: str) -> None:
    """Write down why a handler is stopped on a partition."""
    await connection.execute(_STOP, (why, handler, partition))


async def stall(
    connection: Connection, handlers: Sequence[str], why: str | None, partitions: Collection[int] = ()
) -> None:
    """Write down that handlers stand still with their whole stage, or with None that they do no more.

    Of these partitions, or of all where none is known to be held. What a handler stopped at by itself stays written.
    """
    if why is None:
        await connection.execute(_UNSTALL, (list(handlers), STALLED))
    else:
        await connection.execute(_STALL, (why, list(handlers), sorted(partitions), not partitions))


async def adopt(connection: Connection, handlers: Sequence[str], topic_id: UUID) -> None:
    """Write down which topic handlers' offsets count in, where that is not known yet."""
    await connection.execute(_ADOPT, (topic_id, list(handlers)))


async def rewind(connection: Connection, handler: str) -> None:
    """Set a handler to the start of its topic."""
    await connection.execute(_REWIND, {"ends": Jsonb({}), "handler": handler, "anew": False})


async def reset(connection: Connection, handler: str, ends: Mapping[int, int] | None = None) -> int:
    """Let a handler go on in the topic that is there now, at its start, or at `ends` by partition; gives how many.

    When batches of the old topic took effect is forgotten. What took effect does not again: effects are idempotent by
    event, command or delivery.
    """
    by_partition = Jsonb({str(partition): end for partition, end in (ends or {}).items()})
    done = await connection.execute(_REWIND, {"ends": by_partition, "handler": handler, "anew": True})
    await connection.execute(_FORGET, (handler,))
    return done.rowcount


async def revive(connection: Connection, handlers: Sequence[str]) -> None:
    """Let stopped handlers try once more."""
    await connection.execute(_REVIVE, (list(handlers),))
