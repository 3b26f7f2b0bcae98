"""The relay: publishes outbox rows to Kafka in order per ticket; a crash can only repeat a record bit for bit."""

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from opentelemetry import trace

from bus.errors import KafkaUnavailable, StoreUnavailable
from bus.headers import event_headers, traceparent
from bus.kafka import start_producer
from bus.postgres.pool import Connection, Pool, connected
from bus.settings import Settings
from bus.topics import LOG, Contract, physical
from bus.tracing.links import links

# A subscriber that drops repeats must look back this far in a partition: one pass of one shard.
SHARD_ROWS_MAX = 500
_SHARD_LOCKS = 0x6F757462  # "outb": the first half of the advisory lock; the second is the shard
_POLL_S = 0.1
_ACK_TIMEOUT_S = 15.0
_RETRY_S = 1.0

_LOCK_SHARDS = """
SELECT shard FROM generate_series(0, %s - 1) AS shard
WHERE EXISTS (SELECT FROM outbox o WHERE o.shard = shard.shard AND o.published_at IS NULL)
  AND pg_try_advisory_xact_lock(%s, shard) LIMIT %s"""
_WAITING = """
SELECT o.id, o.shard, o.topic, o.ticket_id, o.version,
       e.event_id, e.source, e.ce_type, e.occurred_at, e.recorded_at, e.trace_id, e.value
FROM unnest(%b::int[]) AS mine (shard) CROSS JOIN LATERAL (
    SELECT id, shard, topic, ticket_id, version FROM outbox
    WHERE outbox.shard = mine.shard AND published_at IS NULL ORDER BY id LIMIT %s
) o JOIN events e USING (ticket_id, version) ORDER BY o.id"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp(), kafka_offset = w.kafka_offset
FROM unnest(%b::bigint[], %b::bigint[]) AS w (id, kafka_offset) WHERE outbox.id = w.id"""

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


@dataclass(slots=True, kw_only=True)
class Relay:
    """Publishes what waits. Many relays may run: a pass holds its shards by advisory locks of its transaction."""

    pool: Pool
    settings: Settings
    contract: Contract
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _producer: AIOKafkaProducer | None = None

    def wake(self) -> None:
        """Say that something was committed just now; cheap, never blocks."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled. An outage of either store means waiting, never loss."""
        try:
            while True:
                self._wake.clear()
                try:
                    published = await self.publish_once()
                except (StoreUnavailable, KafkaUnavailable) as error:
                    log.warning("relay_waits", cause=str(error))
                    await self._drop_producer()
                    await asyncio.sleep(_RETRY_S)
                    continue
                if not published:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), _POLL_S)
        finally:
            await self._drop_producer()

    async def publish_once(self) -> int:
        """Publish one pass of the shards that are free and have something waiting; 0 when there is none.

        Idempotent towards the log's readers. Raises StoreUnavailable, KafkaUnavailable; then nothing is marked.
        """
        shards = self.contract.topics[LOG].partitions
        async with connected(self.pool) as connection:
            half = -(-shards // 2)  # two relays, or two passes, share the work
            found = await connection.execute(_LOCK_SHARDS, (shards, _SHARD_LOCKS, half))
            mine = [shard for (shard,) in await found.fetchall()]
            if not mine:
                return 0
            waiting = await connection.execute(_WAITING, (mine, SHARD_ROWS_MAX), binary=True)
            rows = [OutboxRow(*row) for row in await waiting.fetchall()]
            with _sending(physical(self.settings.namespace, LOG), rows):
                offsets = await self._send(rows)
            await _mark(connection, rows, offsets)
        return len(rows)

    async def _send(self, rows: Sequence[OutboxRow]) -> list[int]:
        try:
            async with asyncio.timeout(_ACK_TIMEOUT_S):
                producer = self._producer = self._producer or await start_producer(self.settings)
                acks: list[asyncio.Future[Any]] = [await producer.send(**self._record(row)) for row in rows]
                return [ack.offset for ack in await asyncio.gather(*acks)]
        except (KafkaError, OSError, TimeoutError) as error:
            raise KafkaUnavailable(f"Kafka did not acknowledge: {type(error).__name__}") from error

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

    async def _drop_producer(self) -> None:
        """Forget a producer whose sends are in doubt: its sequence numbers end with it."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_RETRY_S):
                    await producer.stop()


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
