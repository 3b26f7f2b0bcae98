"""Which targets are declared: those that the targets file of a live worker names; every worker renews its own."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

import structlog

from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

RENEW_EVERY_S = 10.0
HELD_S = 60.0  # a target that no worker has named for so long is declared no more
log = structlog.get_logger()

# By the database's clock: those of the workers may differ.
_DECLARE = """
INSERT INTO delivery_targets AS t (target, host)
SELECT * FROM unnest(%s::text[], %s::text[]) AS w (target, host) ORDER BY target
ON CONFLICT (target) DO UPDATE SET declared_at = clock_timestamp(), undeclared_at = NULL, host = excluded.host"""
_UNDECLARE = """
UPDATE delivery_targets SET undeclared_at = declared_at
WHERE undeclared_at IS NULL AND target <> ALL (%s::text[])
    AND declared_at < clock_timestamp() - make_interval(secs => %s)"""


async def keep_declared(pool: Pool, targets: Sequence[str], hosts: Mapping[str, str] | None = None) -> None:
    """Renew the targets and hosts of this worker's file until cancelled, and mark those that no worker names any more.

    Marks none before it has run for HELD_S: workers that start at the same time have then named theirs.
    """
    began = monotonic()
    while True:
        try:
            await declare(pool, targets, hosts)
            if monotonic() - began >= HELD_S:
                await mark_undeclared(pool, targets)
        except StoreUnavailable as error:
            log.warning("targets_not_declared", cause=str(error))
        await asyncio.sleep(RENEW_EVERY_S)


async def declare(pool: Pool, targets: Sequence[str], hosts: Mapping[str, str] | None = None) -> None:
    """Record that a live worker's file names these targets, and the host of each. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_DECLARE, (list(targets), [(hosts or {}).get(one, "") for one in targets]))


async def mark_undeclared(pool: Pool, targets: Sequence[str]) -> None:
    """Mark targets that no worker has named for HELD_S, but these, since they were named last.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        await connection.execute(_UNDECLARE, (list(targets), HELD_S))
