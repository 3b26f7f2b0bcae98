"""Watches the schema registry: a subject gone, its level changed, another's version as the latest, or no answer."""

from functools import partial

import structlog

from bus.consistency.registry_check import schema_differences
from bus.consistency.registry_state import AWAY_CHECK_EVERY, note_away, note_differences, take_turn
from bus.postgres.pool import Pool, connected
from bus.programs.rounds import in_rounds
from bus.schema_registry import Registry, RegistryUnavailable

log = structlog.get_logger()


async def watch_registry(registry: Registry, pool: Pool) -> None:
    """Compare whenever a check is due, until cancelled; PostgreSQL holds what the alert rules read."""
    every_s = AWAY_CHECK_EVERY.total_seconds() / 2
    await in_rounds(partial(check_registry, registry, pool), every_s, "registry_check_not_written")


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
