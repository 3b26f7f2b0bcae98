"""Minutes in which a source sent what may open a ticket: noted in memory, written best effort."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

EVERY_S: Final = 10.0
WAITING_MAX: Final = 10_000  # sources and minutes at once
_WRITE: Final = b"""
INSERT INTO source_minutes (source, minute) SELECT * FROM unnest(%s::text[], %s::timestamptz[])
ON CONFLICT DO NOTHING"""


@dataclass(slots=True, kw_only=True)
class SourceArrivals:
    """What waits to be written, and the task that writes it."""

    pool: Pool
    now: Callable[[], datetime]
    _waiting: set[tuple[str, datetime]] = field(default_factory=set)

    def note(self, source: str) -> None:
        """Note that a source has sent something now; never blocks, never fails, keeps what its bound allows."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.add((source, self.now().replace(second=0, microsecond=0)))

    async def write_for_ever(self) -> None:
        """Write what waits every EVERY_S until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what waits; keeps it while the store is away."""
        waiting, self._waiting = self._waiting, set()
        if not waiting:
            return
        try:
            async with connected(self.pool) as connection:
                await connection.execute(_WRITE, [list(column) for column in zip(*sorted(waiting), strict=True)])
        except StoreUnavailable:
            self._waiting |= waiting
