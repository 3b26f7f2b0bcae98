"""The drift lists that were made, a row a day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from bus.domain.drift import DriftedTicket, drifted
from bus.domain.drift_list import DriftList
from bus.postgres.open_tickets import open_tickets
from bus.postgres.people_rows import people_who_left
from bus.postgres.pool import Connection

_TICKETS: Final = TypeAdapter(tuple[DriftedTicket, ...])
_NOW: Final[LiteralString] = "SELECT clock_timestamp()"
_FRESH: Final[LiteralString] = """
SELECT EXISTS (SELECT FROM drift_lists WHERE made_at > clock_timestamp() - %s::interval)"""
_MADE: Final[LiteralString] = "SELECT 1 FROM drift_lists WHERE day = %s"
_KEEP: Final[LiteralString] = """
INSERT INTO drift_lists (day, due_at, made_at, tickets) VALUES (%s, %s, %s, %s) ON CONFLICT (day) DO NOTHING"""
_READ: Final[LiteralString] = """
SELECT day, due_at, made_at, tickets FROM drift_lists
WHERE day <= %(day)s OR %(day)s::date IS NULL ORDER BY day DESC LIMIT 2"""
DueToday = Callable[[datetime], tuple[date, datetime] | None]


async def keep_list(connection: Connection, due_today: DueToday) -> bool:
    """Make and keep the list that is due by PostgreSQL's clock; says whether this was done now. Once a day."""
    ((now,),) = await (await connection.execute(_NOW)).fetchall()
    due = due_today(now)
    if due is None or await (await connection.execute(_MADE, (due[0],))).fetchone():
        return False
    found = await drifting_now(connection, now)
    kept = await connection.execute(_KEEP, (*due, now, Jsonb(_TICKETS.dump_python(tuple(found), mode="json"))))
    return bool(kept.rowcount)


async def drifting_now(connection: Connection, now: datetime) -> Sequence[DriftedTicket]:
    """Read the tickets that drift, by number."""
    left = await people_who_left(connection)
    return [one for ticket in await open_tickets(connection) if (one := drifted(ticket, now, left))]


async def read_lists(connection: Connection, day: date | None = None) -> Sequence[DriftList]:
    """Read the list of a day, or the last one, then the one before it; none where none was made on that day."""
    rows: list[tuple[Any, ...]] = await (await connection.execute(_READ, {"day": day})).fetchall()
    lists = [
        DriftList(day=made, due_at=due_at, made_at=made_at, tickets=_TICKETS.validate_python(tickets, strict=False))
        for made, due_at, made_at, tickets in rows
    ]
    return lists if lists and day in (None, lists[0].day) else []


async def read_fresh_lists(connection: Connection, lasts: timedelta) -> Sequence[DriftList]:
    """Read the last list and the one before it, if it was made within `lasts`."""
    ((fresh,),) = await (await connection.execute(_FRESH, (lasts,))).fetchall()
    return await read_lists(connection) if fresh else []
