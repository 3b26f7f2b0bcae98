"""How far a polled list is read, and whose turn it is to read it."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

_BEGIN: Final = """
INSERT INTO source_cursors (source, changed_until) VALUES (%s, clock_timestamp()) ON CONFLICT (source) DO NOTHING"""
_TURN: Final = """
UPDATE source_cursors SET due_at = clock_timestamp() + %s WHERE source = %s AND due_at <= clock_timestamp()
RETURNING changed_until"""
_READ: Final = """
UPDATE source_cursors SET changed_until = greatest(changed_until, least(%s, clock_timestamp())) WHERE source = %s"""
_NEXT: Final = "UPDATE source_cursors SET due_at = clock_timestamp() + %s WHERE source = %s"


async def take_turn(connection: AsyncConnection, source: str, lease: timedelta) -> datetime | None:
    """Give up to when a list is read, aware, UTC, where it is due and this worker's; it is nobody's until `lease`."""
    await connection.execute(_BEGIN, (source,))
    row = await (await connection.execute(_TURN, (lease, source))).fetchone()
    return row[0] if row else None


async def note_read(connection: AsyncConnection, source: str, until: datetime) -> None:
    """Note that everything that changed until then is taken in; a time that is still to come counts as now."""
    await connection.execute(_READ, (until, source))


async def note_next(connection: AsyncConnection, source: str, after: timedelta) -> None:
    """Let the list be read again after so long."""
    await connection.execute(_NEXT, (after, source))
