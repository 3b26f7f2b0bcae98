"""Verifying a read model: built again beside the live one from the same records, then compared."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import IsolationLevel

from bus.domain.errors import InvariantBroken
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import CONNECT_TIMEOUT_S, Connection, guard
from bus.stage import offsets
from projections.lag import log_ends
from projections.read_model import Table
from projections.store import ProjectionHandler

CHUNK = 2_000
DIFFERENCES_MAX = 20

# Temporary tables come first on the search path: the handler's own statements build them, and nothing live is touched.
_SHADOW = """
CREATE TEMP TABLE {name} (LIKE {live} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES) ON COMMIT DROP"""
_IS_SHADOW = "SELECT relnamespace = pg_my_temp_schema() FROM pg_class WHERE oid = to_regclass(%s)"
_HASHES = "SELECT jsonb_build_array({key}) AS key, md5((to_jsonb(t) - %s::text[])::text) AS hash FROM {table} t"
_SUM = "SELECT count(*), coalesce(sum(('x' || left(hash, 15))::bit(60)::bigint::numeric), 0)::text FROM ({hashes}) h"
_DIFFERENCES = """
SELECT coalesce(a.key, b.key), CASE WHEN b.key IS NULL THEN 'only live' WHEN a.key IS NULL THEN 'only rebuilt'
       ELSE 'different' END
FROM ({live}) a FULL JOIN ({rebuilt}) b USING (key) WHERE a.hash IS DISTINCT FROM b.hash ORDER BY 1 LIMIT {most}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One table, live and rebuilt: rows, a hash that does not depend on their order, and some keys that differ."""

    model: str
    table: str
    rows: int
    rebuilt_rows: int
    equal: bool
    differences: tuple[tuple[str, str], ...]


async def verify(
    handler: ProjectionHandler[Any, Any],
    *,
    url: str,
    reader: RangeReader,
    progress: Callable[[int], None] = lambda _records: None,
) -> list[Verified]:
    """Fold the log from offset 0 up to the live model's position into shadow tables, and compare.

    Offsets and live content are of one snapshot, so that a running worker does no harm. Changes nothing. Whether the
    model is stopped, or how far behind it is, `projections.lag` says. Raises
    Transient, InvariantBroken when a record cannot be folded.
    """
    async with _snapshot(url) as connection:
        schema = (await _one(connection, "SELECT current_schema()"))[0]  # the first statement: it fixes the snapshot
        rows = await offsets.positions(connection, [handler.name])
        for table in handler.model.tables:
            live = f"{schema}.{table.name}"
            await connection.execute(_SHADOW.format(name=table.name, live=live).encode())
            if not (await _one(connection, _IS_SHADOW, (table.name,)))[0]:
                raise InvariantBroken(f"{table.name} would not be built in the shadow")
        ends, done = await log_ends(reader, rows), 0
        for row in rows:
            end = min(row.next_offset, ends[row.topic, row.partition])  # a log that was made anew ends before
            async with aclosing(reader.read(row.topic, row.partition, 0, end, most=CHUNK)) as chunks:
                async for chunk in chunks:
                    await handler.handle(connection, chunk.records)
                    done += len(chunk.records)
                    progress(done)
        return [await _compared(connection, handler.name, schema, table) for table in handler.model.tables]


async def _compared(connection: Connection, model: str, schema: str, table: Table) -> Verified:
    volatile = list(table.volatile)
    live, rebuilt = (
        _HASHES.format(key=", ".join(f"t.{name}" for name in table.key), table=f"{where}.{table.name}")
        for where in (schema, "pg_temp")
    )
    rows, total = await _one(connection, _SUM.format(hashes=live), (volatile,))
    rebuilt_rows, rebuilt_total = await _one(connection, _SUM.format(hashes=rebuilt), (volatile,))
    equal = (rows, total) == (rebuilt_rows, rebuilt_total)
    differences = []
    if not equal:
        query = _DIFFERENCES.format(live=live, rebuilt=rebuilt, most=DIFFERENCES_MAX)
        differences = await (await connection.execute(query.encode(), (volatile, volatile))).fetchall()
    return Verified(
        model=model,
        table=table.name,
        rows=rows,
        rebuilt_rows=rebuilt_rows,
        equal=equal,
        differences=tuple((" ".join(map(str, key)), how) for key, how in differences),
    )


@asynccontextmanager
async def _snapshot(url: str) -> AsyncIterator[Connection]:
    """Open a connection of its own without prepared statements: none may remember the live tables by name."""
    async with guard():
        connection = await Connection.connect(
            url, prepare_threshold=None, connect_timeout=int(CONNECT_TIMEOUT_S), application_name="ticketbus verify"
        )
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with connection, connection.transaction(force_rollback=True):
            yield connection


async def _one(connection: Connection, query: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    row = await (await connection.execute(query.encode(), parameters)).fetchone()
    assert row is not None
    return row
