"""Compares PostgreSQL and Kafka event by event, and the folded states with their events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5
from typing import NamedTuple

from bus.archive.reader import archived_files, digests_of
from bus.consistency.report import Difference, LogReport
from bus.consistency.states import check_states
from bus.domain.errors import MalformedInput
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import Pool, connected, snapshot
from bus.settings import Settings
from bus.wire.codec import Codec
from bus.wire.partitioner import partition_of
from bus.wire.record import Record, identity
from schemas.topics import LOG, Contract, physical

CHUNK = 5_000

_STORED = """
SELECT e.ticket_id, e.version, decode(md5(e.value), 'hex'), o.published_at IS NOT NULL
FROM outbox o JOIN events e USING (ticket_id, version) WHERE o.topic = %s AND o.shard = %s"""
_KNOWN_NOW = "SELECT decode(md5(value), 'hex') FROM events WHERE ticket_id = %s AND version = %s"


class _Seen(NamedTuple):
    digest: bytes
    published: bool


async def verify_log(
    pool: Pool,
    settings: Settings,
    contract: Contract,
    codec: Codec,
    progress: Callable[[int], None] = lambda _count: None,
) -> LogReport:
    """Compare every event of PostgreSQL with every record of `ticket.events`, and every state with its events.

    Beside live traffic; changes nothing.

    Raises StoreUnavailable, KafkaUnavailable, ArchiveUnreadable.
    """
    report = LogReport()
    topic = physical(settings.namespace, LOG)
    await check_states(pool, codec, report)
    async with open_reader(settings) as reader:
        for partition in range(contract.topics[LOG].partitions):
            stored = await _stored(pool, partition, contract.topics[LOG].partitions)
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


async def _stored(pool: Pool, partition: int, partitions: int) -> dict[tuple[str, int], _Seen]:
    """Read the events of a partition, archived ones too: these were all published. Raises ArchiveUnreadable."""
    async with snapshot(pool) as connection:
        async with connection.cursor("log_verify", binary=True) as rows:
            await rows.execute(_STORED, (LOG, partition))
            stored = {(row[0], row[1]): _Seen(row[2], row[3]) async for row in rows}
        for file in await archived_files(connection):
            async for group in digests_of(connection, file, lambda one: partition_of(one, partitions) == partition):
                stored |= {(ticket_id, version): _Seen(digest, True) for ticket_id, version, digest in group}
    return stored


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


async def _known_now(pool: Pool, key: tuple[str, int]) -> bytes | None:
    """Look again for an event that was committed after the snapshot."""
    async with connected(pool) as connection:
        row = await (await connection.execute(_KNOWN_NOW, key)).fetchone()
    return row[0] if row else None
