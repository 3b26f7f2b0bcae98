"""Watches the schema registry: a subject gone, its level changed, another's version as the latest, or no answer."""

import asyncio

import structlog

from bus.consistency.registry_check import schema_differences
from bus.consistency.registry_state import AWAY_CHECK_EVERY, note_away, note_differences, take_turn
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected
from bus.schema_registry import Registry, RegistryUnavailable

log = structlog.get_logger()


async def watch_registry(registry: Registry, pool: Pool) -> None:
    """Compare whenever a check is due, until cancelled; PostgreSQL holds what the alert rules read."""
    while True:
        try:
            await check_registry(registry, pool)
        except StoreUnavailable as error:
            log.warning("registry_check_not_written", cause=str(error))
        await asyncio.sleep(AWAY_CHECK_EVERY.total_seconds() / 2)


async def check_registry(registry: Registry, pool: Pool) -> None:
    """Compare if a check is due and nobody has. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        due = await take_turn(connection)
    if not due:
        return
    try:
        found = await schema_differences(registry)
    except RegistryUnavailable as error:  # the bus needs it for nothing that is under way
        log.warning("registry_not_compared", cause=str(error))
        async with connected(pool) as connection:
            await note_away(connection, str(error))
    else:
        async with connected(pool) as connection:
            await note_differences(connection, found)
