"""What a client does under one idempotency key takes effect once, and is answered alike: in one transaction with it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from psycopg.types.json import Jsonb

from bus.domain.errors import CommandRefused
from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.intake.command_ids import NAME
from bus.postgres.pool import Connection, Pool, connected

# Who comes with the same key meanwhile waits here for the end of the first.
_CLAIM = "INSERT INTO deeds (command_id, fingerprint, done_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_READ = "SELECT fingerprint, answer FROM deeds WHERE command_id = %s"
_ANSWER = "UPDATE deeds SET answer = %s WHERE command_id = %s"


async def once(
    pool: Pool, deed: IdempotentRequest, act: Callable[[Pool], Awaitable[Mapping[str, Any]]]
) -> StoredResponse:
    """Act on the pool given, or give the answer of the first time; a refusal is not kept, and leaves the key free.

    Raises CommandRefused when the key came before with another content, what `act` raises, StoreUnavailable.
    """
    async with connected(pool) as connection:
        if (await connection.execute(_CLAIM, (deed.command_id, deed.fingerprint, deed.at))).rowcount:
            content = await act(cast(Pool, _Held(connection)))
            await connection.execute(_ANSWER, (Jsonb(content, dumps=orjson.dumps), deed.command_id))
            return StoredResponse(content=content, repeated=False)
        ((fingerprint, answer),) = await (await connection.execute(_READ, (deed.command_id,))).fetchall()
    if fingerprint != deed.fingerprint:
        zh, en = "同一幂等键不能用于不同内容,请换新键", "this key came before with another content; use a new key"
        raise CommandRefused("idempotency_key_reused", NAME, zh, en)
    return StoredResponse(content=answer, repeated=True)


class _Held:
    """Stands in for a pool while a transaction is open: whatever borrows a connection takes part in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection
