"""Retention: deletes old rows of pushes, idempotency keys and settled deliveries."""

import asyncio
from typing import Final

import structlog

from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

EVERY_S: Final = 3600.0
_OLD: Final = (
    "DELETE FROM pushes WHERE pushed_at < now() - interval '30 days'",
    "DELETE FROM idempotency_keys WHERE done_at < now() - interval '7 days'",
    # A replay of older events is held back by the stage's offsets alone.
    "DELETE FROM deliveries WHERE settled_at < now() - interval '90 days'",
)

log = structlog.get_logger()


async def delete_old_rows(pool: Pool) -> None:
    """Delete what is old, now and every hour, until cancelled; several workers may."""
    while True:
        try:
            for query in _OLD:
                async with connected(pool) as connection:
                    await connection.execute(query.encode())
        except StoreUnavailable as error:
            log.warning("old_not_forgotten", cause=str(error))
        await asyncio.sleep(EVERY_S)
