"""Disks in PostgreSQL: judged from what hosts and brokers say, sampled, forecast, and forgotten with their host."""

from datetime import UTC, datetime, timedelta

import pytest

from bus.postgres.pool import Pool, connected
from deadletter.disk import Disk, DiskMarks, DiskReading, Mark
from deadletter.disk_store import SAMPLE_EVERY, all_disks, judge_disks
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]

MARKS = {"": DiskMarks()}
BROKER = DiskReading(
    host="broker-1",
    path="/kafka",
    role="broker",
    origin="broker",
    read_at=datetime(2026, 11, 28, tzinfo=UTC),
    total_bytes=1e9,
    used_bytes=9.2e8,
)


@pytest.fixture(autouse=True)
async def _empty(pool: Pool) -> None:
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE hosts, disks, disk_samples")


async def reading(pool: Pool, used: float, host: str = "crm-1") -> None:
    """Store a host's reading, as the stage does."""
    async with connected(pool) as connection:
        await connection.execute(
            """INSERT INTO hosts (host, path, role, disk_total_bytes, disk_free_bytes, memory_free_bytes, read_at)
            VALUES (%s, '/data', 'consumer', 1e9, %s, 0, clock_timestamp())
            ON CONFLICT (host, path) DO UPDATE SET disk_free_bytes = excluded.disk_free_bytes,
                read_at = excluded.read_at""",
            (host, 1e9 - used),
        )


async def disks(pool: Pool) -> dict[str, Disk]:
    """Read the disks by host."""
    async with connected(pool) as connection:
        return {one.host: one for one in await all_disks(connection)}


async def test_disks_of_hosts_brokers_and_the_database_are_judged_and_forgotten(pool: Pool) -> None:
    await reading(pool, 8e8)
    await judge_disks(pool, [BROKER], MARKS)
    found = await disks(pool)
    assert {host: one.mark for host, one in found.items()} == {
        "broker-1": Mark.FLOOR,
        "crm-1": Mark.WARN,
        "postgresql": Mark.NONE,
    }
    assert found["postgresql"].used_bytes > 0
    await reading(pool, 7.3e8)
    async with connected(pool) as connection:
        await connection.execute("UPDATE disks SET judged_at = now() - interval '2 hours' WHERE host = 'broker-1'")
    await judge_disks(pool, [], MARKS)
    assert (await disks(pool))["crm-1"].mark is Mark.WARN, "3 points below, not less"
    async with connected(pool) as connection:
        await connection.execute("DELETE FROM hosts")
    await judge_disks(pool, [], MARKS)
    assert {*await disks(pool)} == {"postgresql"}


async def test_disks_that_fill_have_a_forecast_from_their_samples(pool: Pool) -> None:
    await reading(pool, 5e8)
    await judge_disks(pool, [], MARKS)
    assert (await disks(pool))["crm-1"].likely_at is None, "one sample says nothing"
    async with connected(pool) as connection:
        await connection.execute(
            """INSERT INTO disk_samples SELECT 'crm-1', '/data', now() - n * interval '30 s', 5e8 - n * 1e6, 1e9
            FROM generate_series(1, 60) AS n"""
        )
        await connection.execute("UPDATE disks SET sampled_at = sampled_at - interval '1 hour'")
    await reading(pool, 5e8)
    await judge_disks(pool, [], MARKS)
    disk = (await disks(pool))["crm-1"]
    assert disk.likely_at is not None
    assert disk.earliest_at is not None
    assert abs(disk.likely_at - disk.judged_at - 500 * SAMPLE_EVERY) < timedelta(minutes=15)
    assert disk.growth == pytest.approx(1e6 / 30, rel=0.05)
    assert disk.earliest_at <= disk.likely_at
