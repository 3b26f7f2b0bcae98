"""Consumers in PostgreSQL: readings of the last hours, and each consumer as it was judged last."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import orjson
from psycopg.rows import dict_row

from bus.consistency.consumer_history import (
    ConsumerHistory,
    ConsumerKind,
    OldestUnread,
    PartitionOffsets,
    TopicReading,
    lag_over_time,
)
from bus.consistency.consumer_readings import Key
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.postgres.heartbeats import SILENT_AFTER
from bus.postgres.pool import Connection

DENSE_FOR: Final = timedelta(minutes=11)
SPARSE_EVERY: Final = timedelta(minutes=10)
READINGS_FOR: Final = timedelta(hours=3)
FORGET_AFTER: Final = timedelta(days=14)  # twice as long as Kafka keeps the offsets of a group that is gone
QUEUE_TOPIC: Final = "deliveries"
_COLUMNS: LiteralString = """kind, consumer, topic, verdicts, since, lag, members, oldest_at, loses_at, partition,
    committed, low, ends, highest, declared, had_offsets, read_at"""
_ALL: LiteralString = f"SELECT {_COLUMNS} FROM consumers ORDER BY kind, consumer, topic"  # noqa: S608 - our own columns
_KNOWN: LiteralString = f"SELECT {_COLUMNS}, looks FROM consumers"  # noqa: S608 - our own columns
_READINGS: LiteralString = """
SELECT kind, consumer, topic, read_at, members, partitions, elsewhere FROM consumer_readings
WHERE read_at > %s::timestamptz - %s::interval ORDER BY read_at"""
_STORE: LiteralString = f"""
INSERT INTO consumers ({_COLUMNS}, looks)
SELECT {_COLUMNS}, looks FROM json_populate_recordset(null::consumers, %s::json)
ON CONFLICT (kind, consumer, topic) DO UPDATE SET ({_COLUMNS}, looks) = ROW (excluded.*)"""  # noqa: S608 - our own columns
_ADD: LiteralString = """
INSERT INTO consumer_readings SELECT * FROM json_populate_recordset(null::consumer_readings, %s::json)
ON CONFLICT DO NOTHING"""
_FORGET: LiteralString = """
DELETE FROM consumers c WHERE read_at < %(at)s AND (kind = 'queue' OR NOT (had_offsets OR declared)
    OR read_at < %(at)s - %(forget)s::interval)"""
_THIN: LiteralString = """
DELETE FROM consumer_readings r WHERE read_at < %(at)s - %(kept)s::interval OR (
    read_at < %(at)s - %(dense)s::interval AND EXISTS (
        SELECT FROM consumer_readings e
        WHERE (e.kind, e.consumer, e.topic) = (r.kind, r.consumer, r.topic) AND e.read_at < r.read_at
            AND date_bin(%(every)s, e.read_at, 'epoch') = date_bin(%(every)s, r.read_at, 'epoch')))"""
_REMOVE: LiteralString = """
DELETE FROM consumers WHERE consumer = %(consumer)s AND topic = coalesce(%(topic)s, topic)"""
_QUEUES: LiteralString = """
WITH waiting AS (
    SELECT d.target, count(*) AS lag, min(d.enqueued_at) AS oldest_at
    FROM deliveries d JOIN delivery_heads h USING (target, ticket_id) WHERE d.state = 'waiting' AND NOT h.parked
    GROUP BY d.target
), settled AS (
    SELECT target, count(*) AS settled FROM deliveries WHERE settled_at > %(since)s GROUP BY target
)
SELECT target, coalesce(lag, 0) AS lag, oldest_at, coalesce(settled, 0) AS settled, (
    SELECT count(*) FROM programs WHERE program = 'worker' AND stopped_at IS NULL
        AND beat_at > now() - %(silent)s::interval AND parts ? ('delivery ' || target)) AS members
FROM delivery_targets LEFT JOIN waiting USING (target) LEFT JOIN settled USING (target)
WHERE NOT fetched AND (undeclared_at IS NULL OR lag > 0)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConsumer:
    """What is stored of a consumer: how it was judged last, its readings, and what was looked up."""

    status: ConsumerStatus
    readings: Sequence[TopicReading] = ()
    looks: Mapping[int, OldestUnread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a round stores of a consumer."""

    status: ConsumerStatus
    reading: TopicReading
    looks: Mapping[int, OldestUnread]


async def all_consumers(connection: Connection) -> list[ConsumerStatus]:
    """Read every consumer as it was last judged, by name."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_ALL)).fetchall()
    return [_status(row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerLag:
    """How many offsets a consumer was behind, at each reading that is kept."""

    kind: ConsumerKind
    consumer: str
    topic: str
    lags: Mapping[datetime, int]


async def consumer_lags(connection: Connection, at: datetime) -> list[ConsumerLag]:
    """Read the lag of every consumer in the last READINGS_FOR, by name."""
    known = await known_consumers(connection, at)
    return [
        ConsumerLag(
            kind=kind,
            consumer=consumer,
            topic=topic,
            lags=lag_over_time(
                ConsumerHistory(
                    kind=kind,
                    consumer=consumer,
                    topic=topic,
                    readings=one.readings,
                    declared=one.status.declared,
                    looks=one.looks,
                )
            ),
        )
        for (kind, consumer, topic), one in sorted(known.items())
        if one.readings
    ]


async def known_consumers(connection: Connection, at: datetime) -> Mapping[Key, KnownConsumer]:
    """Read all that is stored of every consumer."""
    readings = defaultdict[Key, list[TopicReading]](list)
    rows = await (await connection.execute(_READINGS, (at, READINGS_FOR))).fetchall()
    for kind, consumer, topic, read_at, members, partitions, elsewhere in rows:
        readings[ConsumerKind(kind), consumer, topic].append(
            TopicReading(at=read_at, members=members, partitions=_offsets(partitions), elsewhere=elsewhere)
        )
    async with connection.cursor(row_factory=dict_row) as cursor:
        stored = [(_looks(row.pop("looks")), _status(row)) for row in await (await cursor.execute(_KNOWN)).fetchall()]
    return {_key(one): KnownConsumer(status=one, readings=readings[_key(one)], looks=looks) for looks, one in stored}


async def queue_readings(
    connection: Connection, known: Mapping[Key, KnownConsumer], at: datetime
) -> Mapping[Key, tuple[TopicReading, OldestUnread | None]]:
    """Read what waits for each target that is called, as a topic of one partition whose offsets count deliveries."""
    before = {key: one.status for key, one in known.items() if key[0] is ConsumerKind.QUEUE}
    since = max((one.read_at for one in before.values()), default=at)
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_QUEUES, {"since": since, "silent": SILENT_AFTER})).fetchall()
    found = {}
    for row in rows:
        key = (ConsumerKind.QUEUE, row["target"], QUEUE_TOPIC)
        settled = (before[key].committed or 0) + row["settled"] if key in before else 0
        offsets = PartitionOffsets(committed=settled, low=0, end=settled + row["lag"])
        oldest_at = row["oldest_at"]
        found[key] = (
            TopicReading(at=at, members=row["members"], partitions={0: offsets}),
            OldestUnread(position=settled, next_offset=settled, record_at=oldest_at) if oldest_at else None,
        )
    return found


async def store_consumers(connection: Connection, judged: Sequence[Judged], at: datetime) -> None:
    """Store a round; what was not seen in it is forgotten, unless it had offsets: that one may have vanished."""
    rows = [{**asdict(one.status), "looks": _looks_json(one.looks)} for one in judged]
    await connection.execute(_STORE, (_json(rows),))
    await connection.execute(_ADD, (_json([_reading_row(one) for one in judged]),))
    await connection.execute(_FORGET, {"at": at, "forget": FORGET_AFTER})
    spans = {"at": at, "kept": READINGS_FOR, "dense": DENSE_FOR, "every": SPARSE_EVERY}
    await connection.execute(_THIN, spans)


async def remove_consumer(connection: Connection, consumer: str, topic: str | None = None) -> int:
    """Forget a consumer on a topic, or on all; one that is still there is seen again by the next round.

    Gives how many were known.
    """
    return (await connection.execute(_REMOVE, {"consumer": consumer, "topic": topic})).rowcount


def _key(one: ConsumerStatus) -> Key:
    return one.kind, one.consumer, one.topic


def _status(row: Mapping[str, Any]) -> ConsumerStatus:
    verdicts = tuple(ConsumerVerdict(one) for one in row["verdicts"])
    return ConsumerStatus(**{**row, "kind": ConsumerKind(row["kind"]), "verdicts": verdicts})


def _json(rows: Collection[Mapping[str, Any]]) -> str:
    return orjson.dumps([*rows], option=orjson.OPT_NON_STR_KEYS).decode()


def _reading_row(one: Judged) -> dict[str, Any]:
    partitions = {p: [each.committed, each.low, each.end] for p, each in one.reading.partitions.items()}
    return {
        "kind": one.status.kind,
        "consumer": one.status.consumer,
        "topic": one.status.topic,
        "read_at": one.reading.at,
        "members": one.reading.members,
        "partitions": partitions,
        "elsewhere": one.reading.elsewhere,
    }


def _offsets(stored: Mapping[str, Sequence[Any]]) -> Mapping[int, PartitionOffsets]:
    return {
        int(partition): PartitionOffsets(committed=committed, low=low, end=end)
        for partition, (committed, low, end) in stored.items()
    }


def _looks_json(looks: Mapping[int, OldestUnread]) -> dict[int, list[Any]]:
    return {partition: [one.position, one.next_offset, one.record_at] for partition, one in looks.items()}


def _looks(stored: Mapping[str, Sequence[Any]]) -> Mapping[int, OldestUnread]:
    return {
        int(partition): OldestUnread(
            position=position, next_offset=offset, record_at=datetime.fromisoformat(at) if at else None
        )
        for partition, (position, offset, at) in stored.items()
    }
