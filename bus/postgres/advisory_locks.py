"""Advisory locks by name: what one program at a time does, until its transaction ends."""

from typing import Final, LiteralString

from bus.postgres.pool import Connection

_TRY: Final[LiteralString] = "SELECT pg_try_advisory_xact_lock(hashtext('ticketbus ' || %s))"
_WAIT: Final[LiteralString] = "SELECT pg_advisory_xact_lock(hashtext('ticketbus ' || %s))"


async def try_lock(connection: Connection, name: str) -> bool:
    """Take the lock unless another transaction has it; never waits."""
    ((taken,),) = await (await connection.execute(_TRY, (name,))).fetchall()
    return bool(taken)


async def wait_for_lock(connection: Connection, name: str) -> None:
    """Take the lock, once no other transaction has it."""
    await connection.execute(_WAIT, (name,))
