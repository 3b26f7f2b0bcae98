"""The relay: publishes outbox rows to Kafka in order per ticket; a crash can only repeat a record bit for bit."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from opentelemetry import trace
from prometheus_client import Counter, Gauge

from bus.aio import wait
from bus.alerts.alert import Alert, AlertRule, AlertSink, report
from bus.domain.errors import InvariantBroken, KafkaUnavailable, StoreUnavailable
from bus.kafka.clients import HeldProducer
from bus.observability.trace_links import links
from bus.postgres.pool import Connection, Pool, connected
from bus.settings import Settings
from bus.wire.headers import event_headers, traceparent
from schemas.topics import LOG, Contract, physical

# A subscriber that drops repeats must look back this far in a partition: one pass of one shard.
SHARD_ROWS_MAX = 500
SHARD_BYTES_MAX = 4 * 1024 * 1024  # of a pass in memory; the row that goes beyond is still taken
_SHARD_LOCKS = 0x6F757462  # "outb": the first half of the advisory lock; the second is the shard
_POLL_S = 0.1
_ACK_TIMEOUT_S = 15.0
_RETRY_S = 1.0

# Who has waited longest comes first. Shards are found before one is locked: a lock taken for nothing hinders others.
# The bounds as rows, and the shard in ORDER BY, leave the planner no order but that of the index of the rows that wait:
# with `shard = …` it may walk by id through all that was ever published.
_LOCK_SHARDS = """
WITH waiting AS MATERIALIZED (
    SELECT shard, (SELECT id FROM outbox o
                   WHERE (o.shard, id) > (s.shard, 0) AND (o.shard, id) < (s.shard + 1, 0) AND published_at IS NULL
                   ORDER BY o.shard, id LIMIT 1) AS first
    FROM generate_series(0, %s - 1) AS s (shard) WHERE shard <> ALL(%s::int[]) ORDER BY first)
SELECT shard FROM waiting WHERE first IS NOT NULL AND pg_try_advisory_xact_lock(%s, shard) LIMIT %s"""
_WAITING = """
SELECT id, shard, topic, ticket_id, version, event_id, source, ce_type, occurred_at, recorded_at, trace_id, value
FROM (
    SELECT o.*, e.event_id, e.source, e.ce_type, e.occurred_at, e.recorded_at, e.trace_id, e.value,
           sum(octet_length(e.value)) OVER (PARTITION BY o.shard ORDER BY o.id) - octet_length(e.value) AS before
    FROM unnest(%b::int[]) AS mine (shard) CROSS JOIN LATERAL (
        SELECT id, t.shard, topic, ticket_id, version FROM outbox t
        WHERE (t.shard, id) > (mine.shard, 0) AND (t.shard, id) < (mine.shard + 1, 0) AND published_at IS NULL
        ORDER BY t.shard, id LIMIT %s
    ) o JOIN events e USING (ticket_id, version)
) w WHERE before < %s ORDER BY id"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp(), kafka_offset = w.kafka_offset
FROM unnest(%b::bigint[], %b::bigint[]) AS w (id, kafka_offset) WHERE outbox.id = w.id"""

PUBLISHED = Counter("ticketbus_relay_published", "Records that Kafka acknowledged")
AWAY = Counter("ticketbus_relay_store_away", "Passes that had to wait for PostgreSQL or Kafka")
STOPPED = Gauge("ticketbus_relay_shards_stopped", "Shards that stand still before a record that Kafka never takes")

log = structlog.get_logger()
tracer = trace.get_tracer("ticketbus")


class OutboxRow(NamedTuple):
    """An event on its way to one topic."""

    id: int
    shard: int
    topic: str
    ticket_id: str
    version: int
    event_id: UUID
    source: str
    ce_type: str
    occurred_at: datetime
    recorded_at: datetime
    trace_id: str
    value: bytes


class Unpublishable(InvariantBroken):
    """Kafka never takes a record of this shard: the shard stands still, for the order of its tickets."""

    def __init__(self, row: OutboxRow) -> None:
        super().__init__(f"{row.ticket_id} version {row.version}: {len(row.value)} bytes never get into {row.topic}")
        self.shard = row.shard


@dataclass(slots=True, kw_only=True)
class Relay:
    """Publishes what waits. Many relays may run: a pass holds its shards by advisory locks of its transaction."""

    pool: Pool
    contract: Contract
    settings: Settings
    report: AlertSink = report
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _standing: set[int] = field(default_factory=set)
    _held: HeldProducer = field(init=False)

    def __post_init__(self) -> None:
        self._held = HeldProducer(self.settings)

    def wake(self) -> None:
        """Say that something was committed just now; cheap, never blocks."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled. An outage of either store means waiting, never loss.

        A shard with a record that Kafka never takes stands still until a new start, loudly; the others go on.
        """
        try:
            while True:
                self._wake.clear()
                try:
                    published = await self.publish_once()
                except (StoreUnavailable, KafkaUnavailable) as error:
                    AWAY.inc()
                    log.warning("relay_waits", cause=str(error))
                    await asyncio.sleep(_RETRY_S)
                    continue
                except Unpublishable as error:
                    self.report(_stopped(error))
                    self._standing.add(error.shard)
                    STOPPED.set(len(self._standing))
                    continue
                if not published:
                    await wait(self._wake, _POLL_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of Kafka; idempotent."""
        await self._held.close()

    async def publish_once(self) -> int:
        """Publish one pass of the shards that are free and have something waiting; 0 when there is none.

        Idempotent towards the log's readers. Raises StoreUnavailable, KafkaUnavailable, Unpublishable; then nothing is
        marked.
        """
        shards = self.contract.topics[LOG].partitions
        async with connected(self.pool) as connection:
            half = -(-shards // 2)  # two relays, or two passes, share the work
            found = await connection.execute(_LOCK_SHARDS, (shards, list(self._standing), _SHARD_LOCKS, half))
            mine = [shard for (shard,) in await found.fetchall()]
            if not mine:
                return 0
            waiting = await connection.execute(_WAITING, (mine, SHARD_ROWS_MAX, SHARD_BYTES_MAX), binary=True)
            rows = [OutboxRow(*row) for row in await waiting.fetchall()]
            with _sending(physical(self.settings.namespace, LOG), rows):
                offsets = await self._send(rows)
            await _mark(connection, rows, offsets)
        PUBLISHED.inc(len(rows))
        return len(rows)

    async def _send(self, rows: Sequence[OutboxRow]) -> list[int]:
        try:
            acks = await self._held.send_all([self._record(row) for row in rows], _ACK_TIMEOUT_S)
            return [ack.offset for ack in acks]
        except InvariantBroken as error:  # a batch of several records never grows that large: it is the largest record
            raise Unpublishable(max(rows, key=lambda row: len(row.value))) from error

    def _record(self, row: OutboxRow) -> dict[str, Any]:
        headers = event_headers(
            event_id=row.event_id,
            source=row.source,
            ce_type=row.ce_type,
            ticket_id=row.ticket_id,
            occurred_at=row.occurred_at,
            trace_id=row.trace_id,
            version=row.version,
        )
        return {
            "topic": physical(self.settings.namespace, row.topic),
            "partition": row.shard,
            "key": row.ticket_id.encode(),
            "value": row.value,
            "headers": headers,
            "timestamp_ms": int(row.recorded_at.timestamp() * 1000),
        }


def _stopped(error: Unpublishable) -> Alert:
    return Alert(
        rule=AlertRule.SHARD_STOPPED,
        about=f"shard {error.shard}",
        zh=f"发布在分片 {error.shard} 停住,其后的事件都在等待:{error}",
        en=f"publishing stands still on shard {error.shard}, and what follows waits: {error}",
        facts={"shard": error.shard},
    )


def _sending(topic: str, rows: Sequence[OutboxRow]) -> AbstractContextManager[trace.Span]:
    """Span the sending of a pass, by the messaging conventions, linked to the tickets' traces."""
    return tracer.start_as_current_span(
        f"send {topic}",
        kind=trace.SpanKind.PRODUCER,
        attributes={
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic,
            "messaging.batch.message_count": len(rows),
        },
        links=links(traceparent(row.trace_id, row.event_id) for row in rows),
    )


async def _mark(connection: Connection, rows: Sequence[OutboxRow], offsets: Sequence[int]) -> None:
    await connection.execute(_MARK, ([row.id for row in rows], list(offsets)))
