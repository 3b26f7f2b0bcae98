"""The relay: publishes outbox rows to Kafka in order, per ticket and per topic; a crash can only repeat a record."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog

from bus.aio import Backoff, wait
from bus.alerts.alert import AlertSink
from bus.domain.errors import InvariantBroken, KafkaUnavailable, StoreUnavailable, TopicAway
from bus.domain.terms import is_synthetic
from bus.domain.values import CallerTrace
from bus.kafka.clients import HeldProducer
from bus.outbox import metrics
from bus.outbox.outbox_row import OutboxRow
from bus.outbox.spans import sending
from bus.outbox.stopped_shards import StoppedShards, Unpublishable
from bus.outbox.topic_check import find_topics
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import columns
from bus.settings import Settings, secret_bytes
from bus.wire.headers import event_headers
from bus.wire.mac import MAC, mac_headers
from bus.wire.partitioner import partition_of
from schemas.topics import INTAKE, LOG, Contract, physical

# A subscriber that drops repeats must remember this many records of a partition: one pass of one shard.
SHARD_ROWS_MAX = 500
SHARD_BYTES_MAX = 4 * 1024 * 1024  # of a pass in memory; the row that goes beyond is still taken
_SHARD_LOCKS = 0x6F757462  # "outb": the first half of the advisory lock; the second is the shard
# A commit wakes the relay of its own process; polls find what other processes could not publish.
_POLL_S_MIN, _POLL_S_MAX = 0.05, 1.0
_ACK_TIMEOUT_S = 15.0
_RETRY_S = 1.0
_AWAY_S = _ACK_TIMEOUT_S + 10.0  # that Kafka is away is said until the next try has ended

# The oldest first. Shards are found before one is locked: a lock taken in vain hinders other relays.
# The shard in ORDER BY and in bounds as rows leave the planner no order but that of the index of the rows that wait:
# with `shard = …` it may walk by id through all that was ever published.
_LOCK_SHARDS = """
WITH RECURSIVE first AS (
    (SELECT shard, id FROM outbox WHERE published_at IS NULL ORDER BY shard, id LIMIT 1)
    UNION ALL
    SELECT n.shard, n.id FROM first f CROSS JOIN LATERAL (
        SELECT shard, id FROM outbox o WHERE (o.shard, o.id) > (f.shard + 1, 0) AND published_at IS NULL
        ORDER BY o.shard, o.id LIMIT 1) n
), waiting AS MATERIALIZED (
    SELECT shard FROM first
    WHERE shard <> ALL(%(without)s::int[]) AND coalesce(shard = %(only)s::int, true) ORDER BY id)
SELECT shard FROM waiting WHERE pg_try_advisory_xact_lock(%(locks)s, shard) LIMIT %(most)s"""
# An event's bytes stand in the log, those of another record in its row.
_WAITING = """
SELECT id, shard, topic, ticket_id, version, event_id, source, ce_type, occurred_at, trace_id, trace_sampled,
    tracestate, region, region_before, assignee, assignee_before, key, headers, timestamp, value
FROM (
    SELECT o.id, o.shard, o.topic, o.ticket_id, o.version, o.key, o.headers, coalesce(o.value, e.value) AS value,
        coalesce(o.region, (SELECT t.state->>'region' FROM ticket_states t WHERE t.ticket_id = o.ticket_id)) AS region,
        o.region_before, o.assignee, o.assignee_before,
        coalesce(o.timestamp, e.recorded_at) AS timestamp, e.event_id, e.source, e.ce_type, e.occurred_at, e.trace_id,
        coalesce(s.trace_sampled, true) AS trace_sampled, coalesce(s.tracestate, '') AS tracestate,
        sum(octet_length(coalesce(o.value, e.value)) + coalesce(octet_length(o.headers::text), 0))
            OVER (PARTITION BY o.shard ORDER BY o.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM unnest(%b::int[]) AS mine (shard) CROSS JOIN LATERAL (
        SELECT t.* FROM outbox t
        WHERE (t.shard, t.id) > (mine.shard, 0) AND (t.shard, t.id) < (mine.shard + 1, 0) AND published_at IS NULL
        ORDER BY t.shard, t.id LIMIT %s
    ) o LEFT JOIN events e USING (ticket_id, version) LEFT JOIN ticket_states s USING (ticket_id)
) w WHERE coalesce(before, 0) < %s AND value IS NOT NULL ORDER BY id"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp(), kafka_offset = w.kafka_offset
FROM unnest(%b::bigint[], %b::bigint[]) AS w (id, kafka_offset) WHERE outbox.id = w.id"""
_WAITS = """
SELECT EXISTS (SELECT FROM outbox WHERE (shard, id) > (%s, 0) AND (shard, id) < (%s + 1, 0) AND published_at IS NULL)"""
_REMOVE = "DELETE FROM outbox WHERE id = ANY(%b)"


log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Relay:
    """Publishes what waits. Many relays may run: a pass holds its shards by advisory locks of its transaction."""

    pool: Pool
    contract: Contract
    settings: Settings
    report: AlertSink
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: StoppedShards = field(default_factory=StoppedShards)
    _away: str = ""
    _away_until: float = float("-inf")
    _held: HeldProducer = field(init=False)
    _intake_secrets: Sequence[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._held = HeldProducer(self.settings)
        self._intake_secrets = secret_bytes(self.settings.intake_secrets)

    def wake(self) -> None:
        """Signal that something was committed; cheap, never blocks."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled. An outage of either store means waiting, never loss.

        A shard with a record that Kafka does not take, or whose topic is missing, is stopped until that is mended; both
        raise an alert, and other shards go on.
        """
        poll = Backoff(_POLL_S_MIN, _POLL_S_MAX)
        try:
            while True:
                if self._wake.is_set():
                    poll.reset()
                self._wake.clear()
                try:
                    published = await self.publish_once()
                except (StoreUnavailable, KafkaUnavailable) as error:
                    metrics.AWAY.inc()
                    log.warning("relay_waits", cause=str(error))
                    if isinstance(error, KafkaUnavailable):
                        self._away, self._away_until = str(error), monotonic() + _AWAY_S
                    await asyncio.sleep(_RETRY_S)
                    continue
                except Unpublishable as error:
                    self._stopped.stop(error, self.report)
                    continue
                if published:
                    poll.reset()
                    self._away_until = float("-inf")
                else:
                    await wait(self._wake, poll.pause_s())
        finally:
            await self.close()

    def trouble(self) -> str | None:
        """Say which shards stand still, and before what; None if none does."""
        return self._stopped.trouble()

    def kafka_away(self) -> str | None:
        """Say how Kafka failed the last try, until one succeeds or none was made for long; None if it did not.

        A pass that finds nothing to publish says nothing of Kafka: another relay may hold the shards.
        """
        return self._away if monotonic() < self._away_until else None

    async def close(self) -> None:
        """Close the producer; idempotent."""
        await self._held.close()

    async def publish_once(self) -> int:
        """Publish one pass of the shards that are free and have something waiting; 0 when there is none.

        Idempotent towards the log's readers. Raises StoreUnavailable, KafkaUnavailable, Unpublishable; then nothing is
        marked.
        """
        again = self._stopped.due()
        asked = {
            "only": again,
            "without": [] if again is not None else self._stopped.all(),
            "locks": _SHARD_LOCKS,
            "most": -(-self.contract.topics[LOG].partitions // 2),  # two relays, or two passes, share the work
        }
        async with connected(self.pool) as connection:
            mine = [shard for (shard,) in await (await connection.execute(_LOCK_SHARDS, asked)).fetchall()]
            if not mine:
                if again is not None:
                    await self._nothing_due(connection, again)
                return 0
            waiting = await connection.execute(_WAITING, (mine, SHARD_ROWS_MAX, SHARD_BYTES_MAX), binary=True)
            rows = [OutboxRow(*row) for row in await waiting.fetchall()]
            with sending(physical(self.settings.namespace, LOG), rows):
                offsets = await self._send(rows)
            await _mark(connection, rows, offsets)
        if again is not None:
            self._stopped.resume(again)
        metrics.PUBLISHED.inc(sum(not is_synthetic(row.ticket_id or "") for row in rows))
        return len(rows)

    async def _nothing_due(self, connection: Connection, shard: int) -> None:
        """Forget a shard that another relay has published or is publishing."""
        ((waits,),) = await (await connection.execute(_WAITS, (shard, shard))).fetchall()
        if waits:
            self._stopped.postpone(shard)
        else:
            self._stopped.resume(shard)

    async def _send(self, rows: Sequence[OutboxRow]) -> list[int]:
        records, acks = [self._record(row) for row in rows], list[asyncio.Future[Any]]()
        topics = {record["topic"]: row for record, row in zip(reversed(records), reversed(rows), strict=True)}
        try:
            await find_topics(self._held, topics, _ACK_TIMEOUT_S)
            async with self._held.sending(_ACK_TIMEOUT_S) as producer:
                for record in records:
                    acks.append(await producer.send(**record))
                return [ack.offset for ack in await asyncio.gather(*acks)]
        except TopicAway as error:
            row = topics[error.topic]
            raise Unpublishable(row.shard, row.name, str(error), lasting=False) from error
        except InvariantBroken as error:
            row = _too_large(rows, acks)
            why = f"{len(row.value)} bytes never get into {row.topic}"
            raise Unpublishable(row.shard, row.name, why, lasting=True) from error

    def _record(self, row: OutboxRow) -> dict[str, Any]:
        if row.version is None:
            if row.topic not in self.contract.topics:
                raise Unpublishable(row.shard, row.name, f"{row.topic} is no topic of the contract", lasting=True)
            partition = partition_of(row.key, self.contract.topics[row.topic].partitions)
            key, headers = row.key, [(name, value.encode()) for name, value in row.headers if name != MAC]
            if row.topic == INTAKE:
                headers += mac_headers(self._intake_secrets, row.value)  # somebody decided to replay it
        else:
            partition, key = row.shard, row.ticket_id
            headers = event_headers(
                event_id=row.event_id,
                source=row.source,
                ce_type=row.ce_type,
                ticket_id=row.ticket_id,
                occurred_at=row.occurred_at,
                trace_id=row.trace_id,
                version=row.version,
                caller_trace=CallerTrace(sampled=row.trace_sampled, tracestate=row.tracestate),
                region=row.region,
                region_before=row.region_before,
                assignee=row.assignee,
                assignee_before=row.assignee_before,
            )
        return {
            "topic": physical(self.settings.namespace, row.topic),
            "partition": partition,
            "key": key.encode(),
            "value": row.value,
            "headers": headers,
            "timestamp_ms": int(row.timestamp.timestamp() * 1000),
        }


def _too_large(rows: Sequence[OutboxRow], acks: Sequence[asyncio.Future[Any]]) -> OutboxRow:
    """Find the record that was not taken: it was not even sent, or is the largest of its batch."""
    failed = [row for row, ack in zip(rows, acks, strict=False) if ack.done() and ack.exception() is not None]
    return max(failed, key=lambda row: len(row.value)) if len(acks) == len(rows) else rows[len(acks)]


async def _mark(connection: Connection, rows: Sequence[OutboxRow], offsets: Sequence[int]) -> None:
    """Mark events published, with their offsets; other records need none."""
    marked = [(row.id, offset) for row, offset in zip(rows, offsets, strict=True) if row.version]
    if marked:
        await connection.execute(_MARK, columns(marked, 2))
    if len(marked) < len(rows):
        await connection.execute(_REMOVE, ([row.id for row in rows if not row.version],))
