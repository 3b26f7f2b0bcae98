"""The log by months: a partition of `events` holds the tickets that were opened in one, by their numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Identifier, Literal

from bus.domain.time_text import CHINA
from bus.postgres.pool import Connection

AHEAD: Final = 3  # months that are made before the first ticket of them is opened
LOCK_S_MAX: Final = 1.0
"""For so long others may have to wait, behind whoever waits for the lock of a partition or the log."""
_PARTITIONS: Final[LiteralString] = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), pg_total_relation_size(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass"""
_BOUNDS: Final = re.compile(r"FOR VALUES FROM \((?:MINVALUE|'(T\d{6})')\) TO \('(T\d{6})'\)")
_OTHER: Final = Identifier("events_other")
_MAKE: Final = SQL("""
CREATE TABLE {month} (
    LIKE events INCLUDING ALL, CONSTRAINT of_month CHECK (ticket_id >= {first} AND ticket_id < {end}));
LOCK TABLE {other} IN ACCESS EXCLUSIVE MODE;
WITH moved AS (DELETE FROM {other} WHERE ticket_id >= {first} AND ticket_id < {end} RETURNING *)
INSERT INTO {month} SELECT * FROM moved;
ALTER TABLE events ATTACH PARTITION {month} FOR VALUES FROM ({first}) TO ({end});
ALTER TABLE {month} DROP CONSTRAINT of_month""")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMonth:
    """A partition: `month` as YYYY-MM, or "before YYYY-MM" for the first one.

    It holds the numbers from `first` (empty: from the lowest) to below `end`, with indexes in so many bytes.
    """

    name: str
    month: str
    first: str
    end: str
    bytes: int


async def months(connection: Connection) -> list[EventMonth]:
    """Read the partitions of months, the oldest first."""
    rows = await (await connection.execute(_PARTITIONS)).fetchall()
    found = [(name, match, size) for name, bounds, size in rows if (match := _BOUNDS.fullmatch(bounds))]
    return sorted(
        (
            EventMonth(
                name=name,
                month=_spelled(match[1]) if match[1] else f"before {_spelled(match[2])}",
                first=match[1] or "",
                end=match[2],
                bytes=size,
            )
            for name, match, size in found
        ),
        key=lambda one: one.end,
    )


async def make_months(connection: Connection, now: datetime) -> list[str]:
    """Make the partitions of this month and of those ahead that are missing; gives their lowest numbers.

    Rows of a month that came before its partition are moved into it. While somebody reads the whole log none is made,
    after a wait of LOCK_S_MAX.
    """
    last = max(one.end for one in await months(connection))
    missing = [*_firsts(last, now)][:-1]
    try:
        async with connection.transaction():
            await limit_waits(connection)
            for first in missing:
                end = _next(first)
                made = {"month": Identifier(f"events_{first[1:]}"), "other": _OTHER}
                await connection.execute(_MAKE.format(**made, first=Literal(first), end=Literal(end)))
    except LockNotAvailable:
        return []
    return missing


async def limit_waits(connection: Connection) -> None:
    """Wait for no lock longer than LOCK_S_MAX, in this transaction."""
    await connection.execute(SQL("SET LOCAL lock_timeout = {}").format(Literal(int(LOCK_S_MAX * 1000))))


def _firsts(first: str, now: datetime) -> Iterator[str]:
    """Give the lowest number of each month from one on, up to the one after AHEAD months from now."""
    last = f"T{now.astimezone(CHINA):%Y%m}"
    for _ in range(AHEAD + 1):
        last = _next(last)
    while first <= last:
        yield first
        first = _next(first)


def _next(first: str) -> str:
    year, month = int(first[1:5]), int(first[5:])
    return f"T{year + month // 12}{month % 12 + 1:02}"


def _spelled(first: str) -> str:
    return f"{first[1:5]}-{first[5:]}"
