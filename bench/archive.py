"""A million tickets archived: how long, how long locked, how many bytes before and after, and a trace from the file."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import monotonic
from typing import Final

import psycopg

from bench.bus import Bus
from bench.figure import Figure
from bench.seed import seed
from bus.app import Core
from bus.journey.journey import JourneyParts, journey
from bus.postgres.pool import connected
from bus.programs.archiving import archive
from bus.settings import archive_dir
from schemas.topics import LOG, physical

_COPIES: Final = 103  # of 9,674 tickets
_ROWS: Final = 71_000
_TRACES: Final = 40
_LATER: Final = timedelta(days=800)
_NEEDED: Final = ("FUNCTION folded_of", "INTO ticket_states")
_BYTES: Final = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('events') WHERE isleaf"
# What the migration does with a table that is there: it is read once, under the lock.
_ATTACH: Final = """
ALTER TABLE events DETACH PARTITION events_before;
ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO ('T999912')"""


async def run(bus: Bus) -> list[Figure]:
    """Import the log, copy every ticket 103 times, archive them. Takes a quarter of an hour and 10 GB of disk."""
    async with bus.core() as core:
        await seed(core, rows=_ROWS)
        await core.relay.close()
        chosen = await _chosen(core)
        await asyncio.to_thread(_copy, bus.database_url)
        attach_s = await asyncio.to_thread(_attach, bus.database_url)
        before, live_ms = await _one(core, _BYTES), await _trace_ms(core, chosen)
        began = monotonic()
        (made, *_) = await archive(core, now=lambda: datetime.now(UTC) + _LATER)
        took_s = monotonic() - began
        after, archived_ms = await _one(core, _BYTES), await _trace_ms(core, chosen)
        file = (archive_dir(core.settings) / made.file).stat().st_size
    of = f"{made.tickets:,} tickets, {made.events:,} events"
    return [
        Figure(name=f"archiving {of}", value=took_s, unit="s", against=f"left open: {made.tickets_left:,} tickets"),
        Figure(name="the log locked meanwhile", value=made.locked_ms, unit="ms"),
        Figure(
            name="file of the archive",
            value=file / 2**20,
            unit="MiB",
            against=f"table with indexes: {before / 2**20:,.0f} MiB before, {after / 2**20:,.0f} after",
            ratio=file / before,
        ),
        Figure(
            name="journey of an archived ticket",
            value=archived_ms,
            unit="ms",
            against=f"before: {live_ms:.3g} ms",
            ratio=archived_ms / live_ms,
        ),
        Figure(name="the migration's read of the table", value=attach_s, unit="s", note="under the log's lock"),
    ]


def _copy(url: str) -> None:
    folder = Path(__file__).parent
    statements = (folder / "copies.sql").read_text().format(copies=_COPIES).split(";\n")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((folder / "copies_of_events.sql").read_text().format(copies=_COPIES).encode())
        for one in statements:
            if any(name in one for name in _NEEDED):
                connection.execute(one.encode())
        connection.execute("VACUUM (ANALYZE) events, ticket_states")
        connection.execute("CHECKPOINT")


def _attach(url: str) -> float:
    with psycopg.connect(url) as connection:
        began = monotonic()
        connection.execute(_ATTACH.replace("T999912", _bound(connection)).encode())
        connection.rollback()
    return monotonic() - began


def _bound(connection: psycopg.Connection[tuple[str, ...]]) -> str:
    query = "SELECT min(relname) FROM pg_class WHERE relname ~ '^events_2\\d{5}$'"
    ((name,),) = connection.execute(query.encode()).fetchall()
    return f"T{name.removeprefix('events_')}"


async def _chosen(core: Core) -> list[str]:
    async with connected(core.pool) as connection:
        query = "SELECT ticket_id FROM ticket_states WHERE state->>'state' = 'closed' ORDER BY ticket_id"
        found = [ticket for (ticket,) in await (await connection.execute(query)).fetchall()]
    return Random(5).sample(found, _TRACES)  # noqa: S311 - a sample, the same each time


async def _trace_ms(core: Core, chosen: list[str]) -> float:
    parts = JourneyParts(records=physical(core.settings.namespace, LOG), stages={})
    taken = list[float]()
    for ticket in chosen:
        began = monotonic()
        assert await journey(core.pool, core.clear, parts, ticket)
        taken.append((monotonic() - began) * 1000)
    return median(taken)


async def _one(core: Core, query: str) -> int:
    async with connected(core.pool) as connection:
        ((value,),) = await (await connection.execute(query.encode())).fetchall()
    return int(value)
