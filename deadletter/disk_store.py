"""Disks in PostgreSQL: read from the hosts' readings, judged by one worker at a time, sampled for the forecast."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import orjson
from psycopg.rows import dict_row

from bus.postgres.advisory_locks import try_lock
from bus.postgres.pool import Connection, Pool, connected, read_rows
from deadletter.disk import Disk, DiskMarks, DiskReading, Mark, judged
from deadletter.disk_forecast import LONG, DiskSample, Forecast, forecast, growth

SAMPLE_EVERY: Final = timedelta(seconds=30)
SAMPLES_FOR: Final = timedelta(hours=6)
GONE_AFTER: Final = timedelta(hours=1)  # brokers and databases that are read no more
_NOW: LiteralString = "SELECT clock_timestamp()"
_HOSTS: LiteralString = """
SELECT host, path, role, 'watch' AS origin, read_at, disk_total_bytes AS total_bytes,
    greatest(disk_total_bytes - disk_free_bytes, 0) AS used_bytes, inodes_total, inodes_free, read_only FROM hosts"""
_DATABASE: LiteralString = """
SELECT 'postgresql' AS host, current_database() AS path, 'database' AS role, 'database' AS origin, now() AS read_at,
    0::float8 AS total_bytes, pg_database_size(current_database())::float8 AS used_bytes"""
_COLUMNS: LiteralString = """host, path, role, origin, read_at, seen_at, judged_at, total_bytes, used_bytes,
    inodes_total, inodes_free, read_only, mark, inode_mark, growth, sampled_at, earliest_at, likely_at"""
_DISKS: LiteralString = f"SELECT {_COLUMNS} FROM disks ORDER BY host, path"  # noqa: S608 - our own columns
_OF_TARGETS: LiteralString = f"""
SELECT {_COLUMNS}, targets, CASE WHEN 'floor' IN (mark, inode_mark) THEN (
    SELECT count(*) FROM deliveries WHERE state = 'waiting' AND target = ANY (targets)) ELSE 0 END AS backlog
FROM disks d, LATERAL (SELECT ARRAY(SELECT target FROM delivery_targets t
    WHERE t.host = d.host AND t.undeclared_at IS NULL ORDER BY target) AS targets) AS t
ORDER BY host, path"""  # noqa: S608 - our own columns
_STORE: LiteralString = f"""
INSERT INTO disks ({_COLUMNS}) SELECT {_COLUMNS} FROM json_populate_recordset(null::disks, %s::json)
ON CONFLICT (host, path) DO UPDATE SET ({_COLUMNS}) = ROW (excluded.*)"""  # noqa: S608 - our own columns
_FORGET: LiteralString = """
DELETE FROM disks d WHERE CASE origin
    WHEN 'watch' THEN NOT EXISTS (SELECT FROM hosts h WHERE (h.host, h.path) = (d.host, d.path))
    ELSE judged_at < now() - %s::interval END"""
_SAMPLE: LiteralString = """
INSERT INTO disk_samples (host, path, sampled_at, used_bytes, total_bytes)
SELECT host, path, sampled_at, used_bytes, total_bytes FROM disks WHERE sampled_at = %s ON CONFLICT DO NOTHING"""
_PRUNE: LiteralString = "DELETE FROM disk_samples WHERE sampled_at < now() - %s::interval"
_SAMPLES: LiteralString = """
SELECT s.host, s.path, s.sampled_at, s.used_bytes, s.total_bytes FROM disk_samples s JOIN disks d USING (host, path)
WHERE d.sampled_at = %s ORDER BY s.host, s.path, s.sampled_at"""
_FORECAST: LiteralString = """
UPDATE disks SET growth = %s, earliest_at = %s, likely_at = %s WHERE host = %s AND path = %s"""
Place = tuple[str, str]  # host, path


async def all_disks(connection: Connection) -> list[Disk]:
    """Read every disk as it was last judged."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_DISKS)).fetchall()
    return [_disk(row) for row in rows]


async def disks_with_targets(connection: Connection) -> list[Disk]:
    """Read every disk with the targets on its host and, at its floor, what waits for them."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_OF_TARGETS)).fetchall()
    return [_disk(row) for row in rows]


async def judge_disks(pool: Pool, others: Sequence[DiskReading], marks: Mapping[str, DiskMarks]) -> None:
    """Judge the hosts' last readings, the database's size and `others`; now and then sample and forecast.

    Nothing while another worker is at it. Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        if not await try_lock(connection, "disks"):
            return
        ((now,),) = await (await connection.execute(_NOW)).fetchall()
        before = {(one.host, one.path): one for one in await all_disks(connection)}
        readings = [*await _read(connection, _HOSTS), *await _read(connection, _DATABASE), *others]
        disks = [_sampled(judged(one, before.get((one.host, one.path)), marks, now), now) for one in readings]
        await connection.execute(_STORE, (orjson.dumps([_row(one) for one in disks]).decode(),))
        await connection.execute(_FORGET, (GONE_AFTER,))
        sampled = any(one.sampled_at == now for one in disks)
        if sampled:
            await connection.execute(_SAMPLE, (now,))
            await connection.execute(_PRUNE, (SAMPLES_FOR,))
            samples = await _samples(connection, now)
    if sampled:
        forecasts = await asyncio.to_thread(_forecasts, samples, now)
        async with connected(pool) as connection, connection.cursor() as cursor:
            await cursor.executemany(_FORECAST, forecasts)


def _sampled(disk: Disk, now: datetime) -> Disk:
    """Mark a disk that is due for a sample; a reading that was sampled before says nothing more."""
    due = disk.sampled_at is None or now - disk.sampled_at >= SAMPLE_EVERY
    if not due or (disk.sampled_at and disk.seen_at <= disk.sampled_at):
        return disk
    return replace(disk, sampled_at=now)


def _forecasts(samples: Mapping[Place, Sequence[DiskSample]], now: datetime) -> list[tuple[Any, ...]]:
    return [_forecast(place, some, now) for place, some in samples.items()]


def _forecast(place: Place, samples: Sequence[DiskSample], now: datetime) -> tuple[Any, ...]:
    found: Forecast | None = forecast(samples, now) if samples[-1].total else None
    lately = [one for one in samples if now - one.at <= LONG]
    return growth(lately), found and found.earliest, found and found.likely, *place


async def _read(connection: Connection, query: LiteralString) -> list[DiskReading]:
    return await read_rows(connection, query, DiskReading)


async def _samples(connection: Connection, now: datetime) -> dict[Place, list[DiskSample]]:
    found = dict[Place, list[DiskSample]]()
    for host, path, at, used, total in await (await connection.execute(_SAMPLES, (now,))).fetchall():
        found.setdefault((host, path), []).append(DiskSample(at=at, used=used, total=total))
    return found


def _disk(row: Mapping[str, Any]) -> Disk:
    return Disk(**{**row, "mark": Mark(row["mark"]), "inode_mark": Mark(row["inode_mark"])})


def _row(disk: Disk) -> dict[str, Any]:
    return {name: value for name, value in asdict(disk).items() if name not in ("targets", "backlog")}
