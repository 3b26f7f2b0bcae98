"""Notes in PostgreSQL which event went to which subscriber: in batches, best effort, never in a subscriber's way."""

import asyncio
from collections import deque

from bus.domain.errors import StoreUnavailable
from bus.gateway import metrics
from bus.gateway.ports import SentEvent
from bus.postgres.pool import Pool, connected

WAITING_MAX = 10_000
BATCH_MAX = 1000
INTERVAL_S = 0.3
_NOTE = """
insert into pushes (ticket_id, version, topic, client, pushed_at)
select * from unnest(%s::text[], %s::int[], %s::text[], %s::text[], %s::timestamptz[])
on conflict do nothing
"""


class PostgresSentEvents:
    """A bounded queue of notes, and the task that writes them."""

    def __init__(self, pool: Pool) -> None:
        """Begin empty."""
        self._pool = pool
        self._waiting: deque[SentEvent] = deque()

    def note(self, push: SentEvent) -> None:
        """Take a push in; when the bound is reached its note is lost and counted."""
        if len(self._waiting) >= WAITING_MAX:
            metrics.PUSHES_NOT_NOTED.inc()
        else:
            self._waiting.append(push)

    async def write_for_ever(self) -> None:
        """Write what waits, every INTERVAL_S, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.write()

    async def write(self) -> None:
        """Write what waits; keeps it while the store is away."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
            columns = [
                [one.ticket_id for one in batch],
                [one.version for one in batch],
                [one.topic for one in batch],
                [one.client for one in batch],
                [one.pushed_at for one in batch],
            ]
            try:
                async with connected(self._pool) as connection:
                    await connection.execute(_NOTE, columns)
            except StoreUnavailable:
                self._waiting.extendleft(reversed(batch))
                return
