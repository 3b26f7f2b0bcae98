"""Compares PostgreSQL and Kafka event by event, and the folded states with their events."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import NamedTuple

from psycopg import IsolationLevel

from bus.errors import MalformedInput
from bus.headers import header
from bus.postgres.pool import Connection, Pool, guard
from bus.settings import Settings
from bus.stage.log_reader import LogReader, reader_on
from bus.stage.record import Record
from bus.topics import LOG, Contract, physical

CHUNK = 5_000
TOLD_MAX = 100

_STORED = """
SELECT e.ticket_id, e.version, decode(md5(e.value), 'hex'), o.published_at IS NOT NULL
FROM outbox o JOIN events e USING (ticket_id, version) WHERE o.topic = %s AND o.shard = %s"""
_ORPHANS = """
SELECT ticket_id, version FROM events e
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.ticket_id = e.ticket_id AND o.version = e.version AND o.topic = %s)"""
_GAPS = """
SELECT e.ticket_id, count(*), max(e.version), coalesce(s.version, 0)
FROM events e LEFT JOIN ticket_states s USING (ticket_id) GROUP BY e.ticket_id, s.version
HAVING max(e.version) <> count(*) OR min(e.version) <> 1 OR max(e.version) <> coalesce(s.version, 0)"""
_KNOWN_NOW = "SELECT decode(md5(value), 'hex') FROM events WHERE ticket_id = %s AND version = %s"


class Difference(NamedTuple):
    """One thing that is not as it should be: `kind` is stable, for machines."""

    kind: str
    ticket_id: str
    version: int
    where: str


@dataclass(slots=True, kw_only=True)
class LogReport:
    """What a verification saw. `waiting` events are committed and not published yet; `repeats` are harmless."""

    stored: int = 0
    records: int = 0
    repeats: int = 0
    waiting: int = 0
    differences: int = 0
    told: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Count a difference and keep the first ones to tell."""
        self.differences += 1
        if len(self.told) < TOLD_MAX:
            self.told.append(difference)


class _Seen(NamedTuple):
    digest: bytes
    published: bool


async def verify_log(
    pool: Pool, settings: Settings, contract: Contract, progress: Callable[[int], None] = lambda _count: None
) -> LogReport:
    """Compare every event of PostgreSQL with every record of `ticket.events`; beside live traffic, changes nothing.

    Raises StoreUnavailable, KafkaUnavailable.
    """
    report = LogReport()
    topic = physical(settings.namespace, LOG)
    async with open_log_reader(settings) as reader, guard():
        await _check_states(pool, report)
        for partition in range(contract.topics[LOG].partitions):
            stored = await _stored(pool, partition)
            ends = await reader.ends(topic, [partition])
            report.stored += len(stored)
            check = _PartitionCheck(pool=pool, stored=stored, report=report)
            async for chunk in reader.read(topic, partition, 0, ends[partition], most=CHUNK):
                for record in chunk.records:
                    await check.check(record)
                report.records += len(chunk.records)
                progress(report.records)
            check.check_absent(f"{topic}/{partition}")
    return report


@asynccontextmanager
async def open_log_reader(settings: Settings) -> AsyncIterator[LogReader]:
    """Open a plain reader of the log; closed with the block."""
    reader = reader_on(settings)
    try:
        yield reader
    finally:
        await reader.close()


async def _check_states(pool: Pool, report: LogReport) -> None:
    async with pool.connection() as connection:
        for ticket_id, count, last, state in await (await connection.execute(_GAPS)).fetchall():
            report.add(Difference("gap", ticket_id, last, f"{count} events, state at version {state}"))
        for ticket_id, version in await (await connection.execute(_ORPHANS, (LOG,))).fetchall():
            report.add(Difference("never_queued", ticket_id, version, "postgres"))


async def _stored(pool: Pool, partition: int) -> dict[tuple[str, int], _Seen]:
    async with (
        pool.connection() as connection,
        _snapshot(connection),
        connection.cursor("log_verify", binary=True) as rows,
    ):
        await rows.execute(_STORED, (LOG, partition))
        return {(row[0], row[1]): _Seen(row[2], row[3]) async for row in rows}


@asynccontextmanager
async def _snapshot(connection: Connection) -> AsyncIterator[None]:
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction():
            yield
    finally:
        await connection.set_isolation_level(None)


@dataclass(slots=True, kw_only=True)
class _PartitionCheck:
    """One partition of the log held against its rows."""

    pool: Pool
    stored: dict[tuple[str, int], _Seen]
    report: LogReport
    seen: set[tuple[str, int]] = field(default_factory=set)
    heads: dict[str, int] = field(default_factory=dict)

    async def check(self, record: Record) -> None:
        where = f"{record.topic}/{record.partition}@{record.offset}"
        try:
            key = identity(record)
        except MalformedInput:
            name = (record.key or b"").decode(errors="replace")
            self.report.add(Difference("unreadable_in_kafka", name, 0, where))
            return
        digest = md5(record.value or b"", usedforsecurity=False).digest()
        known = self.stored.get(key)
        wanted = known.digest if known else await _known_now(self.pool, key)
        if wanted != digest:
            self.report.add(Difference("different" if wanted else "unknown_in_kafka", *key, where))
        if key in self.seen:
            self.report.repeats += 1
        elif key[1] != self.heads.get(key[0], 0) + 1:
            self.report.add(Difference("out_of_order", *key, where))
        self.seen.add(key)
        self.heads[key[0]] = max(key[1], self.heads.get(key[0], 0))

    def check_absent(self, where: str) -> None:
        for key, one in self.stored.items():
            if key in self.seen:
                continue
            if one.published:
                self.report.add(Difference("missing_in_kafka", *key, where))
            else:
                self.report.waiting += 1


def identity(record: Record) -> tuple[str, int]:
    """Read ticket and version off a record without decoding it. Raises MalformedInput."""
    version = header(record.headers, "ticket-version")
    if record.key is None or version is None or not version.isdigit():
        raise MalformedInput("no_identity", "ticket-version", "记录缺少键或版本", "the record lacks its key or version")
    return record.key.decode(errors="replace"), int(version)


async def _known_now(pool: Pool, key: tuple[str, int]) -> bytes | None:
    """Look again for an event that was committed after the snapshot."""
    async with pool.connection() as connection:
        row = await (await connection.execute(_KNOWN_NOW, key)).fetchone()
    return row[0] if row else None
