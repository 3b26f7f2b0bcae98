"""Forgets old notes of pushes: what `trace` tells about the last hop is of interest for a month."""

import asyncio

import structlog

from bus.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

KEPT_DAYS = 30
EVERY_S = 3600.0
_FORGET = "DELETE FROM pushes WHERE pushed_at < now() - make_interval(days => %s)"

log = structlog.get_logger()


async def forget_pushes(pool: Pool) -> None:
    """Delete what is older than 30 days, now and every hour, until cancelled; several workers may."""
    while True:
        try:
            async with connected(pool) as connection:
                await connection.execute(_FORGET, (KEPT_DAYS,))
        except StoreUnavailable as error:
            log.warning("pushes_not_forgotten", cause=str(error))
        await asyncio.sleep(EVERY_S)
