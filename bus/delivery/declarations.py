"""Which targets are declared: those that the targets file of a live worker names; every worker renews its own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog

from bus.domain.errors import StoreUnavailable
from bus.domain.naming import dotted
from bus.postgres.pool import Pool, connected
from schemas.catalogue import EVENT_NAMES, EVENT_TYPES

RENEW_EVERY_S = 10.0
HELD_S = 60.0  # a target that no worker has named for so long is declared no more
log = structlog.get_logger()

# By the database's clock: those of the workers may differ.
_DECLARE = """
INSERT INTO delivery_targets AS t (target, host, events, fetched, canary_of, rate_per_s, attempts_max)
SELECT target, host, string_to_array(events, ' '), fetched, canary_of, rate_per_s, attempts_max
FROM unnest(%s::text[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::float8[], %s::int[])
    AS w (target, host, events, fetched, canary_of, rate_per_s, attempts_max) ORDER BY target
ON CONFLICT (target) DO UPDATE SET declared_at = clock_timestamp(), undeclared_at = NULL, host = excluded.host,
    events = excluded.events, fetched = excluded.fetched, canary_of = excluded.canary_of,
    rate_per_s = excluded.rate_per_s, attempts_max = excluded.attempts_max"""
_UNDECLARE = """
UPDATE delivery_targets SET undeclared_at = declared_at
WHERE undeclared_at IS NULL AND target <> ALL (%s::text[])
    AND declared_at < clock_timestamp() - make_interval(secs => %s)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTarget:
    """What a targets file says of a target that others are to know: its host, and the events that it takes.

    `fetched`: engineers' apps fetch from it; all others are called. `canary_of`: the target whose new version it is.
    `rate_per_s`, `attempts_max`: its limits of calls, None where they are not known.
    """

    host: str = ""
    events: Sequence[str] = EVENT_NAMES
    fetched: bool = False
    canary_of: str = ""
    rate_per_s: float | None = None
    attempts_max: int | None = None

    @property
    def types(self) -> Sequence[str]:
        """Give its events as types spell them, without the version."""
        return [dotted(one.cls) for one in EVENT_TYPES if one.cls.__name__ in self.events]


async def keep_declared(pool: Pool, targets: Mapping[str, DeclaredTarget]) -> None:
    """Renew the targets of this worker's file until cancelled, and mark those that no worker names any more.

    Marks none before it has run for HELD_S: workers that start at the same time have then named theirs.
    """
    began = monotonic()
    while True:
        try:
            await declare(pool, targets)
            if monotonic() - began >= HELD_S:
                await mark_undeclared(pool, [*targets])
        except StoreUnavailable as error:
            log.warning("targets_not_declared", cause=str(error))
        await asyncio.sleep(RENEW_EVERY_S)


async def declare(pool: Pool, targets: Mapping[str, DeclaredTarget]) -> None:
    """Record that a live worker's file names these targets, their hosts and events. Raises StoreUnavailable."""
    rows = [
        (one.host, " ".join(one.types), one.fetched, one.canary_of, one.rate_per_s, one.attempts_max)
        for one in targets.values()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 6
    async with connected(pool) as connection:
        await connection.execute(_DECLARE, ([*targets], *columns))


async def mark_undeclared(pool: Pool, targets: Sequence[str]) -> None:
    """Mark targets that no worker has named for HELD_S, but these, since they were named last.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        await connection.execute(_UNDECLARE, (list(targets), HELD_S))
