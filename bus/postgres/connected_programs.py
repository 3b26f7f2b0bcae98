"""Which programs of the bus are connected to the database, waited for while they stop."""

import asyncio
from time import monotonic
from typing import Final, LiteralString

from bus.postgres.pool import APPLICATION, Connection

STOP_S_MAX: Final = 15.0  # a program that is stopped has let go of its connections by then
_LOOK_AGAIN: LiteralString = "SELECT pg_stat_clear_snapshot()"  # a transaction sees who was there at its first look
_CONNECTED: LiteralString = """
SELECT application_name, coalesce(host(client_addr), 'local'), min(pid) FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, %s) AND application_name <> %s
GROUP BY 1, 2 ORDER BY 1, 2"""


async def wait_for_programs(connection: Connection, own: str) -> str:
    """Wait until no program is connected but those under the name `own`; names who still is after 15 s, else ""."""
    until = monotonic() + STOP_S_MAX
    while rows := await (await connection.execute(_CONNECTED, (APPLICATION, own))).fetchall():
        if monotonic() > until:
            return ", ".join(f"{name} ({where}, pid {pid})" for name, where, pid in rows)
        await asyncio.sleep(0.2)
        await connection.execute(_LOOK_AGAIN)
    return ""
