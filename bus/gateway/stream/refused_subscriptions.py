"""Subscriptions that a gateway refused, as undeclared: counted by client and topic, written best effort."""

import asyncio
from collections import Counter
from typing import Final

from bus.consistency.mismatch_store import note_mismatches
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch, shown
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected

WAITING_MAX: Final = 200  # clients and topics at once; the metric counts them all
EVERY_S: Final = 2.0
Refused = tuple[str, str, str]  # client, topic, nearest


class PostgresRefusedSubscriptions:
    """Counts of what waits, and the task that writes them."""

    def __init__(self, pool: Pool) -> None:
        """Begin empty."""
        self._pool = pool
        self._waiting: Counter[Refused] = Counter()

    def note(self, client: str, topic: str, nearest: str) -> None:
        """Take a refusal in; never blocks, never fails, keeps what its bound allows."""
        key = client, shown(topic), nearest
        if key in self._waiting or len(self._waiting) < WAITING_MAX:
            self._waiting[key] += 1

    async def write_for_ever(self) -> None:
        """Write what waits every EVERY_S until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what waits; keeps it while the store is away."""
        waiting, self._waiting = self._waiting, Counter()
        found = [
            TopicMismatch(kind=MismatchKind.STREAM, who=client, topic=topic, nearest=nearest, times=times)
            for (client, topic, nearest), times in waiting.items()
        ]
        if not found:
            return
        try:
            async with connected(self._pool) as connection:
                await note_mismatches(connection, found)
        except StoreUnavailable:
            self._waiting += waiting
