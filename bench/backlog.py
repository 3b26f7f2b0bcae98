"""What thousands of deliveries that wait cost: the worker's memory, a claim, telling how the targets stand."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psutil
import psycopg

from bench.bus import Bus, until
from bench.figure import Figure, number
from bench.outbound import crm, declare, forget_outbox, free_port
from bench.seed import seed
from bench.sightings import quantile_ms
from bus.app import Core
from bus.delivery import queue
from bus.delivery.status import TELL_EVERY_S, target_statuses
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Connection, connected

LEVELS: Final = (1_000, 23_000)
_AT_ONCE: Final = 16
_SEEDED: Final = 20_000
_BIG, _SMALL, _SMALL_WAITING = "big", "small", 1_000
_WARM, _MEASURED = 10, 100
_CALM_S: Final = 2.5 * TELL_EVERY_S
_BEHIND: Final = timedelta(seconds=30)  # long enough ago to be no fresh row, and behind all that wait
_FAILURE: Final = {"at": "2026-01-01T00:00:00+00:00", "kind": "unreachable", "detail": "ConnectError"}
_TABLES: Final = "events, deliveries, delivery_heads"
_FILL: Final = """
WITH chosen AS (SELECT ticket_id, version FROM events ORDER BY event_id LIMIT %(most)s)
INSERT INTO deliveries (target, ticket_id, version, enqueued_at)
SELECT %(target)s, ticket_id, version, now() - random() * interval '1 hour' - interval '1 minute' FROM chosen
ON CONFLICT DO NOTHING"""
_HEADS: Final = """
INSERT INTO delivery_heads (target, ticket_id, version, next_at)
SELECT target, ticket_id, version, enqueued_at FROM deliveries ON CONFLICT DO NOTHING"""
_BLOCKS: Final = """
SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read
           + coalesce(toast_blks_hit + toast_blks_read + tidx_blks_hit + tidx_blks_read, 0))::bigint
FROM pg_statio_user_tables WHERE relname IN ('events', 'delivery_heads')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims of a target: how long, and how many pages of the two tables each touched."""

    p50_ms: float
    p99_ms: float
    pages: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What it costs while so many wait: claims for that target, and for another with a thousand; the gauges; memory."""

    waiting: int
    claims: Claims
    other: Claims
    standing_ms: float
    memory_mib: float


async def run(bus: Bus) -> list[Figure]:
    """Measure with as many as an incident left waiting."""
    return await measured(bus, LEVELS)


async def measured(bus: Bus, levels: Sequence[int]) -> list[Figure]:
    """Let ever more events wait for a target that is down, and for another no more than a thousand."""
    declare(bus, {name: crm(free_port(), concurrency=_AT_ONCE) for name in (_BIG, _SMALL)})
    async with bus.core() as core:
        await seed(core, rows=_SEEDED, published=False)
        forget_outbox(bus)
        with psycopg.connect(bus.database_url, autocommit=True) as connection:
            connection.execute("DELETE FROM events WHERE version > 1")  # each row waits at the head of its ticket
            await asyncio.to_thread(_copy_events, connection, levels[-1])
        none = await _memory_mib(bus)
        found = [await _level(bus, core, waiting) for waiting in levels]
        await asyncio.to_thread(_settle_all, bus)
        settled_ms = await _standing_ms(core)
    return _figures(found, none, settled_ms)


def _copy_events(connection: psycopg.Connection[Any], most: int) -> None:
    ((there,),) = connection.execute("SELECT count(*) FROM events").fetchall()
    text = Path(__file__).with_name("copies_of_events.sql").read_text().format(copies=most // there)
    connection.execute(text.encode())
    _calm(connection)


def _calm(connection: psycopg.Connection[Any]) -> None:
    """Let no vacuum and no checkpoint of what was loaded fall into what is measured."""
    connection.execute(f"VACUUM (ANALYZE) {_TABLES}".encode())
    connection.execute("CHECKPOINT")


def _fill(bus: Bus, waiting: int) -> None:
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM delivery_targets")
        for target, most in ((_BIG, waiting), (_SMALL, _SMALL_WAITING)):
            connection.execute(_FILL, {"target": target, "most": most})
        connection.execute(_HEADS)
        ((there,),) = connection.execute("SELECT count(*) FROM delivery_heads WHERE target = %s", (_BIG,)).fetchall()
        assert there == waiting, f"{there} of {waiting} wait"
        _calm(connection)


def _settle_all(bus: Bus) -> None:
    """Let everything be delivered, as it is most days: the rows are kept for a while."""
    with psycopg.connect(bus.database_url, autocommit=True) as connection:
        connection.execute("UPDATE deliveries SET state = 'done', settled_at = now()")
        connection.execute("TRUNCATE delivery_heads")
        _calm(connection)


async def _level(bus: Bus, core: Core, waiting: int) -> Level:
    await asyncio.to_thread(_fill, bus, waiting)
    standing_ms = await _standing_ms(core)
    memory_mib = await _memory_mib(bus)
    await asyncio.to_thread(_fill, bus, waiting)
    claims, other = await _claims(core, _BIG), await _claims(core, _SMALL)
    return Level(waiting=waiting, claims=claims, other=other, standing_ms=standing_ms, memory_mib=memory_mib)


async def _claims(core: Core, target: str) -> Claims:
    """Claim as a courier does, and put what was claimed at the end again, so that as much waits as before."""
    async with connected(core.pool) as connection:
        for _ in range(_WARM):
            await _claim(connection, target)
    before = await _pages(core)
    took = []
    for _ in range(_MEASURED):
        async with connected(core.pool) as connection:
            took.append(await _claim(connection, target))
    # Putting again reads pages of the heads as well; it is measured with a claim because it comes with each.
    pages = (await _pages(core) - before) / _MEASURED
    return Claims(p50_ms=quantile_ms(took, 0.5), p99_ms=quantile_ms(took, 0.99), pages=pages)


async def _claim(connection: Connection, target: str) -> float:
    now, began = utc_now(), monotonic()
    claims = await queue.claim(connection, target, _AT_ONCE, now=now, lease=timedelta(minutes=1))
    took = monotonic() - began
    assert len(claims) == _AT_ONCE
    again = [queue.FailedClaim(claim=one, at=now - _BEHIND, unsure=False, failure=_FAILURE) for one in claims]
    await queue.settle(connection, target, [], again, now)
    return took


async def _pages(core: Core) -> int:
    await _each_connection(core, "SELECT pg_stat_force_next_flush()")
    async with connected(core.pool) as connection:
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        row = await (await connection.execute(_BLOCKS.encode())).fetchone()
    assert row
    return int(row[0])


async def _each_connection(core: Core, query: str) -> None:
    """Ask on every connection of the pool: each keeps counts of its own for a while."""
    async with asyncio.TaskGroup() as group:
        arrived = asyncio.Barrier(core.pool.max_size)

        async def ask() -> None:
            async with connected(core.pool) as connection:
                await arrived.wait()
                await connection.execute(query.encode())

        for _ in range(core.pool.max_size):
            group.create_task(ask())


async def _standing_ms(core: Core) -> float:
    took = []
    for _ in range(5):
        began = monotonic()
        await target_statuses(core.pool)
        took.append(monotonic() - began)
    return quantile_ms(took, 0.5)


async def _memory_mib(bus: Bus) -> float:
    """Start a worker whose targets are down, and tell the most that it holds once the breaker is open."""
    worker = psutil.Process(bus.start("worker", "--stages", "delivery"))

    async def begun() -> bool:
        return bus.query("SELECT count(*) FROM delivery_targets") == [(2,)]

    await until(begun, within_s=60)
    most, over = 0, monotonic() + _CALM_S
    while monotonic() < over:
        most = max(most, worker.memory_info().rss)
        await asyncio.sleep(0.2)
    bus.stop("worker")
    return most / 2**20


def _figures(levels: Sequence[Level], none_mib: float, settled_ms: float) -> list[Figure]:
    least, most = levels[0], levels[-1].waiting
    figures = []
    for one in levels[1:]:
        rows = f"{one.waiting:,} waiting"
        figures += [
            Figure(
                name=f"memory of the worker, {rows}, their target down",
                value=one.memory_mib,
                unit="MiB",
                against=f"nothing waiting: {none_mib:.0f} MiB",
                ratio=one.memory_mib / none_mib,
                goal="≤ 1.1×",
            ),
            _claim_figure(f"claim of {_AT_ONCE}, {rows}", one.claims, least.claims),
            _claim_figure(
                f"claim of {_AT_ONCE} for a target of {_SMALL_WAITING:,}, {rows} for another", one.other, least.other
            ),
            Figure(
                name=f"how the targets stand, {rows}",
                value=one.standing_ms,
                unit="ms",
                against=f"{least.waiting:,} waiting: {number(least.standing_ms)} ms",
                ratio=one.standing_ms / least.standing_ms,
                note=f"every worker asks every {TELL_EVERY_S:g} s",
            ),
        ]
    figures.append(
        Figure(
            name=f"how the targets stand, nothing waiting, {most:,} settled and kept",
            value=settled_ms,
            unit="ms",
            against=f"{least.waiting:,} waiting: {number(least.standing_ms)} ms",
            ratio=settled_ms / least.standing_ms,
        )
    )
    return figures


def _claim_figure(name: str, claims: Claims, least: Claims) -> Figure:
    return Figure(
        name=f"{name}, p50",
        value=claims.p50_ms,
        unit="ms",
        against=f"{LEVELS[0]:,} waiting: {number(least.p50_ms)} ms",
        ratio=claims.p50_ms / least.p50_ms,
        goal="≤ 1.5×",
        note=f"p99 {number(claims.p99_ms)} ms, then {number(least.p99_ms)} ms; "
        f"{claims.pages:.0f} pages read with putting them back, then {least.pages:.0f}",
    )
