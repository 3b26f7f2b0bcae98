"""The relay draining an outbox, beside a bare idempotent producer that sends the same records in the same run."""

from collections.abc import Sequence
from time import monotonic, process_time
from typing import Any

from bench.bus import Bus
from bench.figure import Figure
from bench.records import PARTITIONS, bare_producer, make_topic, records, send_all
from bench.seed import seed

_RECORDS = 100_000
_ROWS = 70_000  # of the incident log come to more events than that


async def run(bus: Bus) -> list[Figure]:
    """Fill the outbox, send its records barely to a topic of their own, then let one relay drain it."""
    async with bus.core() as core:
        await seed(core, rows=_ROWS, published=False)
        sent = await records(core, _RECORDS)
        bare = _RECORDS / await _bare_s(bus, sent)
        began, cpu, drained = monotonic(), process_time(), 0
        while published := await core.relay.publish_once():
            drained += published
        took_s, cpu_s = monotonic() - began, process_time() - cpu
        await core.relay.close()
    return [
        Figure(
            name=f"relay, {drained:,} outbox rows",
            value=drained / took_s,
            unit="records/s",
            against=f"bare idempotent aiokafka producer, acks=all: {bare:,.0f}/s",
            ratio=drained / took_s / bare,
            goal="≥ 10,000 or ≥ 0.3×",
            note=f"{cpu_s / drained * 1e6:.0f} µs of own CPU in {took_s / drained * 1e6:.0f} µs a record: "
            "aiokafka's work for each, gzip; else it waits, for PostgreSQL and for Kafka in turn",
        )
    ]


async def _bare_s(bus: Bus, sent: Sequence[dict[str, Any]]) -> float:
    topic, producer = await make_topic(bus, "bench.bare"), bare_producer(bus)
    await producer.start()
    try:
        await send_all(producer, topic, sent[:PARTITIONS])  # a new topic's leaders take a moment
        began = monotonic()
        await send_all(producer, topic, sent)
        return monotonic() - began
    finally:
        await producer.stop()
