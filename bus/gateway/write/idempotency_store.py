"""The idempotency store: an action takes effect once per key, its answer stored in the same transaction."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from bus.domain.errors import CommandRefused
from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.intake.command_ids import NAME
from bus.postgres.pool import Connection, Pool, connected

# Who comes with the same key meanwhile waits here for the end of the first.
_CLAIM = "INSERT INTO idempotency_keys (command_id, fingerprint, done_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_READ = "SELECT fingerprint, answer FROM idempotency_keys WHERE command_id = %s"
_ANSWER = "UPDATE idempotency_keys SET answer = %s WHERE command_id = %s"


async def act_idempotently(
    pool: Pool, request: IdempotentRequest, act: Callable[[Connection], Awaitable[Mapping[str, Any]]]
) -> StoredResponse:
    """Act in the transaction that keeps the key, or give the first answer. A refusal is not kept: the key stays free.

    Raises CommandRefused when the key came before with another content, what `act` raises, StoreUnavailable.
    """
    async with connected(pool) as connection:
        if (await connection.execute(_CLAIM, (request.command_id, request.fingerprint, request.at))).rowcount:
            content = await act(connection)
            await connection.execute(_ANSWER, (Jsonb(content, dumps=orjson.dumps), request.command_id))
            return StoredResponse(content=content, repeated=False)
        ((fingerprint, answer),) = await (await connection.execute(_READ, (request.command_id,))).fetchall()
    if fingerprint != request.fingerprint:
        zh, en = "同一幂等键不能用于不同内容,请换新键", "this key came before with another content; use a new key"
        raise CommandRefused("idempotency_key_reused", NAME, zh, en)
    return StoredResponse(content=answer, repeated=True)
