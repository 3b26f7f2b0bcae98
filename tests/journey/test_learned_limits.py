"""Learned limits on a real database: twice the p99 of enough samples, computed seldom, by one worker."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bus.journey.expectation_timer import ExpectationTimer
from bus.journey.expectations_config import WITHIN_MAX
from bus.journey.learned_limits import LearnedLimit, learn, limit_of, read_learned
from bus.postgres.pool import Pool, connected
from tests.bus_under_test import eventually
from tests.delivery.deliveries import DeliveryQueue, event
from tests.journey.test_expectations import DELIVERED, MINUTE, RECORDED, opened, queue, run

__all__ = ["queue"]
ARRIVED_ROWS = """
WITH sample AS (SELECT 'S' || n AS ticket_id, now() - interval '1 hour' - %(days)s * interval '1 day' AS at,
              CASE WHEN n = 1 THEN 1000 ELSE %(came_s)s END * interval '1 second' AS took
              FROM generate_series(1, %(count)s) n), recorded AS (
    INSERT INTO events (ticket_id, version, event_id, ce_type, command_id, trace_id, source, occurred_at, recorded_at,
                        historic, value)
    SELECT ticket_id, 1, gen_random_uuid(), 'x', gen_random_uuid(), '', '', at, at, false, '' FROM sample)
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state, arrived_at, settled_at)
SELECT ticket_id, 1, 'sent_to_erp', 'delivered', 'erp', '{}', at, 'late', at + took, at + took FROM sample"""


async def settled(pool: Pool, *, came_s: int, count: int, days_ago: int = 0) -> None:
    """Let events of the last hour have arrived after so many seconds, one of them very late."""
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE expectations, events")
        await connection.execute(ARRIVED_ROWS, {"came_s": came_s, "count": count, "days": days_ago})


async def test_expectations_a_learned_limit_is_twice_the_p99_of_enough_late_samples_and_never_below_the_written(
    queue: DeliveryQueue,
) -> None:
    written = {"sent_to_erp": DELIVERED["sent_to_erp"].model_copy(update={"learned": True})}

    async def due_after_s(count: int, came_s: int, days_ago: int = 0) -> float:
        await settled(queue.pool, came_s=came_s, count=count, days_ago=days_ago)
        await run(queue.pool, "TRUNCATE expectation_limits")
        async with connected(queue.pool) as connection:
            await learn(connection, written)
        await opened(queue.pool, written, event("NEW", 1))
        async with connected(queue.pool) as connection:
            asked = "SELECT due_at FROM expectations WHERE ticket_id = 'NEW'"
            ((due_at,),) = await (await connection.execute(asked)).fetchall()
        return float((due_at - RECORDED).total_seconds())

    assert await due_after_s(count=200, came_s=100) == pytest.approx(200, abs=1)
    assert await due_after_s(count=199, came_s=100) == 60
    assert await due_after_s(count=200, came_s=20) == 60
    assert await due_after_s(count=200, came_s=100, days_ago=8) == 60
    written["sent_to_erp"] = DELIVERED["sent_to_erp"]
    assert await due_after_s(count=200, came_s=100) == 60, "it does not learn"


async def test_expectations_what_was_learned_is_computed_every_ten_minutes_by_one_worker_and_is_of_one_place(
    queue: DeliveryQueue,
) -> None:
    written = {"sent_to_erp": DELIVERED["sent_to_erp"].model_copy(update={"learned": True})}

    async def learned() -> list[int]:
        async with connected(queue.pool) as connection:
            await learn(connection, written)
            return [one.samples for one in (await read_learned(connection, written)).values()]

    await settled(queue.pool, came_s=100, count=200)
    async with connected(queue.pool) as other:
        await other.execute("SELECT pg_advisory_xact_lock(hashtext('ticketbus learned limits'))")
        assert await learned() == []
    assert await learned() == [200]
    await settled(queue.pool, came_s=100, count=300)
    assert await learned() == [200]
    await run(queue.pool, "UPDATE expectation_limits SET computed_at = now() - interval '11 minutes'")
    assert await learned() == [300]
    written["sent_to_erp"] = written["sent_to_erp"].model_copy(update={"at": ("crm",)})
    async with connected(queue.pool) as connection:
        assert await read_learned(connection, written) == {}
    assert await learned() == [0]


async def test_expectations_the_timer_learns(queue: DeliveryQueue) -> None:
    written = {"sent_to_erp": DELIVERED["sent_to_erp"].model_copy(update={"learned": True})}
    await settled(queue.pool, came_s=100, count=200)
    stopping = asyncio.Event()
    running = asyncio.create_task(ExpectationTimer(pool=queue.pool, records="t", known=written).run(stopping))

    async def is_learned() -> bool:
        async with connected(queue.pool) as connection:
            return bool(await read_learned(connection, written))

    await eventually(is_learned, within_s=20)
    stopping.set()
    await running


def test_expectations_a_learned_limit_is_never_above_what_may_be_written() -> None:
    learned = LearnedLimit(
        expectation="x", hop="delivered", place="erp", p99_s=1e7, samples=200, computed_at=datetime.now(UTC)
    )
    one = DELIVERED["sent_to_erp"].model_copy(update={"learned": True})
    assert limit_of(one, learned) == WITHIN_MAX
    assert limit_of(one, replace(learned, p99_s=None)) == MINUTE
