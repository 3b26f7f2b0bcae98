"""The records of a bus's log as its relay would send them, and a bare producer that sends them elsewhere."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from bench.bus import Bus
from bus.app import Core
from bus.kafka.clients import admin
from bus.postgres.pool import connected
from bus.wire.headers import event_headers
from schemas.topics import LOG, physical

PARTITIONS = 6
_ENVELOPE = ("event_id", "source", "ce_type", "occurred_at", "trace_id", "version")
_RECORDS = """
SELECT o.shard, o.ticket_id, e.value, e.event_id, e.source, e.ce_type, e.occurred_at, e.trace_id, o.version
FROM outbox o JOIN events e USING (ticket_id, version) WHERE topic = %s ORDER BY o.id LIMIT %s"""


async def records(core: Core, most: int) -> list[dict[str, Any]]:
    """Read the log's records out of the outbox, in their order, as arguments of a producer's `send`."""
    async with connected(core.pool) as connection:
        rows = await (await connection.execute(_RECORDS, (LOG, most), binary=True)).fetchall()
    return [
        {
            "partition": shard,
            "key": ticket_id.encode(),
            "value": value,
            "headers": event_headers(ticket_id=ticket_id, **dict(zip(_ENVELOPE, envelope, strict=True))),
        }
        for shard, ticket_id, value, *envelope in rows
    ]


async def make_topic(bus: Bus, name: str) -> str:
    """Make a topic like the log in this bus's namespace; gives its name at the broker."""
    topic = physical(bus.settings.namespace, name)
    async with admin(bus.settings) as client:
        await client.create_topics([NewTopic(topic, PARTITIONS, 1)])
    return topic


async def send_all(producer: AIOKafkaProducer, topic: str, batch: Sequence[dict[str, Any]]) -> None:
    """Send records as fast as they are taken; return when all are acknowledged."""
    await asyncio.gather(*[await producer.send(topic, **record) for record in batch])


def bare_producer(bus: Bus) -> AIOKafkaProducer:
    """Make an idempotent producer that waits for all replicas, with aiokafka's own defaults otherwise."""
    return AIOKafkaProducer(bootstrap_servers=bus.kafka, enable_idempotence=True, acks="all")
