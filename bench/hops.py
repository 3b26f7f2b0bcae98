"""From the commit of a command to its row in the read model, beside two bare hops: produce, consume and upsert."""

import asyncio
from time import monotonic

from aiokafka import AIOKafkaConsumer

from bench.bus import Bus
from bench.figure import Figure
from bench.fold import make_table
from bench.records import bare_producer, make_topic
from bench.sightings import quantile_ms, sight, sight_live, sightings
from bench.traffic import steady
from bus.app import Core
from bus.postgres.pool import connected
from schemas.topics import LOG

_PER_S = 50
_WARM_S = 4.0
_MEASURED_S = 20.0
_UPSERT = """
INSERT INTO fold_bare (ticket_id, version, folded) SELECT key, 1, value FROM json_each(%s)
ON CONFLICT (ticket_id) DO UPDATE SET version = excluded.version, folded = excluded.folded"""

# The way's two parts: until Kafka has it and the relay marks it, from then until the stage has applied it.
_PARTS = """
SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM published_at - recorded_at)),
       percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM at - published_at))
FROM events e JOIN outbox o USING (ticket_id, version)
JOIN stage_batches b ON partition = shard AND kafka_offset >= first_offset AND kafka_offset < next_offset
WHERE o.topic = %s AND b.handler = 'tickets'
  AND recorded_at > (SELECT max(recorded_at) FROM events) - make_interval(secs => %s)"""


async def run(bus: Bus) -> list[Figure]:
    """Open tickets steadily over HTTP, then send as many records at the same rate barely."""
    make_table(bus.database_url, "fold_bare")
    sight_live(bus.database_url)
    sight(bus.database_url, "fold_bare", "upserted")
    ours = await _ours(bus)
    async with bus.core() as core:
        parts, parts_p99 = await _parts(core, 0.5), await _parts(core, 0.99)
        bare = await _bare(bus, core)
    p50, p99, bare_p50, bare_p99 = (quantile_ms(some, share) for some in (ours, bare) for share in (0.5, 0.99))
    return [
        Figure(
            name=f"command to projection, {share}, {_PER_S} commands/s",
            value=value,
            unit="ms",
            against=f"produce, consume, upsert with aiokafka and psycopg: {against:.1f} ms",
            ratio=value / against,
            goal=goal,
            note=note,
        )
        for share, value, against, goal, note in (
            ("p50", p50, bare_p50, "≤ 3×", parts),
            ("p99", p99, bare_p99, "≤ 3×", parts_p99),
        )
    ]


async def _parts(core: Core, share: float) -> str:
    async with connected(core.pool) as connection:
        row = await (await connection.execute(_PARTS, (share, share, LOG, _MEASURED_S))).fetchone()
    assert row
    return f"{row[0] * 1000:.0f} ms from decision to published and marked, {row[1] * 1000:.0f} ms from there to applied"


async def _ours(bus: Bus) -> list[float]:
    bus.start("gateway")
    bus.start("worker")
    await bus.ready()
    with sightings(bus.database_url, "committed", "projected") as seen:
        projected = seen.seen["projected"]
        await steady(bus, per_s=2, goes_on=lambda: not projected)  # the stages join their groups meanwhile
        began = monotonic()
        await steady(bus, per_s=_PER_S, goes_on=lambda: monotonic() - began < _WARM_S + _MEASURED_S)
        committed = seen.seen["committed"]
        await seen.until_all(committed.keys(), "projected", within_s=30)
    bus.stop("worker")
    bus.stop("gateway")
    return [projected[one] - at for one, at in committed.items() if at - began > _WARM_S]


async def _bare(bus: Bus, core: Core) -> list[float]:
    topic, sent, producer = await make_topic(bus, "bench.hop"), dict[tuple[str, int], float](), bare_producer(bus)
    await producer.start()
    hop = asyncio.create_task(_consume_and_upsert(bus, core, topic))
    try:
        with sightings(bus.database_url, "upserted") as seen:
            began = monotonic()
            while monotonic() - began < _WARM_S + _MEASURED_S:
                name = f"B{len(sent)}"
                sent[name, 1] = monotonic()
                await producer.send(topic, key=name.encode(), value=b'{"state": "pending", "title": "bare"}')
                await asyncio.sleep(max(0.0, began + len(sent) / _PER_S - monotonic()))
            upserted = await seen.until_all(sent.keys(), "upserted", within_s=30)
            return [upserted[one] - at for one, at in sent.items() if at - began > _WARM_S]
    finally:
        hop.cancel()
        await asyncio.gather(hop, return_exceptions=True)
        await producer.stop()


async def _consume_and_upsert(bus: Bus, core: Core, topic: str) -> None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bus.kafka, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        while True:
            found = await consumer.getmany(timeout_ms=500)
            rows = [f'"{one.key.decode()}": {one.value.decode()}' for some in found.values() for one in some]
            if rows:
                async with connected(core.pool) as connection:
                    await connection.execute(_UPSERT, (f"{{{', '.join(rows)}}}",))
                await consumer.commit()
    finally:
        await consumer.stop()
