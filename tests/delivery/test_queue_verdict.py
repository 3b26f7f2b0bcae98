"""A target's queue is read as a topic of one partition: what waits, what was settled, and the workers that serve it."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from bus.consistency.consumer_history import ConsumerHistory, ConsumerKind, TopicReading
from bus.consistency.consumer_store import (
    QUEUE_TOPIC,
    Judged,
    all_consumers,
    known_consumers,
    queue_readings,
    store_consumers,
)
from bus.consistency.consumer_verdict import ConsumerStatus, verdict
from bus.delivery.declarations import DeclaredTarget, declare
from bus.postgres.pool import connected
from tests.delivery.deliveries import ERP, DeliveryQueue, ticket

EVERY = timedelta(seconds=10)
KEY = (ConsumerKind.QUEUE, ERP, QUEUE_TOPIC)


@pytest.fixture(autouse=True)
async def emptied(delivery_queue: DeliveryQueue) -> None:
    """Begin without consumers and programs."""
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("TRUNCATE consumers, programs CASCADE")


async def serves(delivery_queue: DeliveryQueue, target: str) -> None:
    """Let a living worker serve a target."""
    parts = Jsonb({f"delivery {target}": None})
    async with connected(delivery_queue.pool) as connection:
        await connection.execute(
            "INSERT INTO programs (instance, program, host, pid, ahead_s, parts) VALUES (%s, 'worker', 'h', 1, 0, %s)",
            (uuid4(), parts),
        )


async def read(delivery_queue: DeliveryQueue) -> tuple[datetime, dict[str, TopicReading]]:
    """Read all queues now."""
    async with connected(delivery_queue.pool) as connection:
        ((now,),) = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
        found = await queue_readings(connection, await known_consumers(connection, now), now)
    return now, {target: reading for (_, target, _), (reading, _) in found.items()}


async def rounds(delivery_queue: DeliveryQueue, count: int) -> ConsumerStatus:
    """Hold rounds that lie ten seconds apart, and give how the ERP's queue is."""
    for _ in range(count):
        now, readings = await read(delivery_queue)
        async with connected(delivery_queue.pool) as connection:
            for table, column in (("consumer_readings", "read_at"), ("consumers", "read_at")):
                await connection.execute(f"UPDATE {table} SET {column} = {column} - interval '10 s'".encode())  # noqa: S608 - our own tables
            known = (await known_consumers(connection, now)).get(KEY)
            all_ = [*(known.readings if known else ()), readings[ERP]]
            history = ConsumerHistory(kind=ConsumerKind.QUEUE, consumer=ERP, topic=QUEUE_TOPIC, readings=all_)
            judged = Judged(status=verdict(history, now), reading=readings[ERP], looks={})
            await store_consumers(connection, [judged], now)
    async with connected(delivery_queue.pool) as connection:
        (status,) = await all_consumers(connection)
    return status


async def test_queue_verdict_without_a_worker_what_waits_is_stopped_and_with_one_that_calls_nobody_stalled(
    delivery_queue: DeliveryQueue,
) -> None:
    await declare(delivery_queue.pool, {ERP: DeclaredTarget()})
    await delivery_queue.add((ticket(), 1), (ticket(), 1))
    status = await rounds(delivery_queue, 7)
    assert (status.verdict.value, status.lag, status.members) == ("stopped", 2, 0)
    await serves(delivery_queue, ERP)
    assert (await rounds(delivery_queue, 7)).verdict.value == "stalled"


async def test_queue_verdict_what_is_settled_moves_it_and_letters_do_not_wait(delivery_queue: DeliveryQueue) -> None:
    await declare(delivery_queue.pool, {ERP: DeclaredTarget()})
    await serves(delivery_queue, ERP)
    now, _ = await read(delivery_queue)
    await delivery_queue.add((ticket(), 1), (ticket(), 1), now=now)
    assert (await rounds(delivery_queue, 2)).committed == 0
    now, _ = await read(delivery_queue)
    (first, _) = await delivery_queue.claim(now=now)
    await delivery_queue.done(first, now=now)
    status = await rounds(delivery_queue, 5)
    assert (status.verdict.value, status.committed, status.ends, status.lag) == ("ok", 1, 2, 1)
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("UPDATE delivery_heads SET parked = true")
    assert (await rounds(delivery_queue, 7)).lag == 0


async def test_queue_verdict_what_apps_fetch_and_what_is_declared_no_more_and_empty_has_none(
    delivery_queue: DeliveryQueue,
) -> None:
    declared = {**dict.fromkeys((ERP, "old", "left"), DeclaredTarget()), "app": DeclaredTarget(fetched=True)}
    await declare(delivery_queue.pool, declared)
    await delivery_queue.add((ticket(), 1), target="left")
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("UPDATE delivery_targets SET undeclared_at = now() WHERE target IN ('old', 'left')")
    _, readings = await read(delivery_queue)
    assert sorted(readings) == ["erp", "left"]
