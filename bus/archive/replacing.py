"""Puts what stays of a month in its place: the one moment in which the log is locked, and what must be so then."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, LiteralString, TypeVar

from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Literal

from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.postgres.event_months import LOCK_S_MAX, limit_waits
from bus.postgres.pool import Connection

TRIES: Final = 20  # for the lock of the log, with a pause in between
PAUSE_S: Final = 2.0
_SWAP: Final = SQL("""
ALTER TABLE events DETACH PARTITION {month};
DROP TABLE {month};
ALTER TABLE {open} RENAME TO {month};
ALTER TABLE events ATTACH PARTITION {month} FOR VALUES FROM ({first}) TO ({end});
ALTER TABLE {month} DROP CONSTRAINT of_month""")
_NOTE: Final[LiteralString] = """
INSERT INTO archived_months (file, month, sha256, bytes, tickets, events, first_ticket, last_ticket, first_at, last_at,
                             sealed, archived_at)
VALUES (%(file)s, %(month)s, %(sha256)s, %(bytes)s, %(tickets)s, %(events)s, %(first_ticket)s, %(last_ticket)s,
        %(first_at)s, %(last_at)s, %(sealed)s, now())"""
_LAST: Final[LiteralString] = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM outbox_id_seq"
# Every event has a row there, which is added after it.
_ADDED: Final = SQL("SELECT EXISTS (SELECT FROM outbox WHERE id > {mark} AND {bounds})")
# What was archived while there was no audit tree is never sealed.
_UNSEALED: Final[LiteralString] = """
DELETE FROM audit_pending p USING archived_months m
WHERE NOT m.sealed AND p.ticket_id BETWEEN m.first_ticket AND m.last_ticket
AND NOT EXISTS (SELECT FROM events e WHERE (e.ticket_id, e.version) = (p.ticket_id, p.version))"""
Result = TypeVar("Result")


class NotArchived(BusError):
    """A month cannot be archived now; nothing was changed, and the text says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(str(text))
        self.text = text


class MonthChanged(NotArchived):
    """Something was recorded of the month meanwhile."""


async def check_sealed(connection: Connection) -> None:
    """Refuse while events are being sealed in place. Raises NotArchived."""
    ((begun,),) = await (await connection.execute("SELECT EXISTS (SELECT FROM privacy_migration)")).fetchall()
    if begun:
        en = "`ticketbus privacy migrate` did not come to its end; run it again first"
        raise NotArchived(Text("privacy migrate 未完成,请先重新运行", en))


async def patiently(connection: Connection, act: Callable[[], Awaitable[Result]]) -> Result:
    """Do what locks the log in a transaction, again while the lock is not free. Raises NotArchived."""
    for _ in range(TRIES):
        try:
            async with connection.transaction():
                await limit_waits(connection)
                return await act()
        except LockNotAvailable:
            await asyncio.sleep(PAUSE_S)
    en = f"the lock of the log was not free within {LOCK_S_MAX:.0f} s, {TRIES} times: somebody reads it as a whole"
    raise NotArchived(Text("日志一直在被整体读取", en))


async def mark_of(connection: Connection) -> int:
    """Give the last id of the outbox: what events were added is committed, and those to come have higher ids there."""
    await connection.execute("LOCK TABLE events IN SHARE MODE")
    ((last,),) = await (await connection.execute(_LAST)).fetchall()
    return int(last)


async def check_count(connection: Connection, names: Mapping[str, Any], events: int) -> None:
    """Find rows that came past the bus, before the log is locked. Raises MonthChanged."""
    async with connection.transaction():
        ((now,),) = await (await connection.execute(SQL("SELECT count(*) FROM {month}").format(**names))).fetchall()
    if now != events:
        raise _changed()


async def replace_month(connection: Connection, names: Mapping[str, Any], mark: int, row: Mapping[str, Any]) -> float:
    """Put what stays in the month's place; gives the ms for which the log is locked. Raises MonthChanged."""
    await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
    begun = asyncio.get_running_loop().time()
    await check_sealed(connection)
    ((changed,),) = await (await connection.execute(_ADDED.format(**names, mark=Literal(mark)))).fetchall()
    if changed:
        raise _changed()
    await connection.execute(_SWAP.format(**names))
    await connection.execute(_NOTE, row)
    return (asyncio.get_running_loop().time() - begun) * 1000


async def let_go_of_unsealed(connection: Connection) -> None:
    """Let the sealer not wait for what was archived before there was a tree; repeated by the next run after a crash."""
    async with connection.transaction():
        await connection.execute(_UNSEALED)


def _changed() -> MonthChanged:
    return MonthChanged(Text("期间该月有新事件,请重试", "events of the month came meanwhile; run it again"))
