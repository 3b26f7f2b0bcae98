"""Fairness since a time, from the events of routing and assignment in the log; archived months are not asked (R5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bus.domain.events import Recorded, TicketAssigned
from bus.domain.fairness import FairnessTally, PersonShare
from bus.domain.routed import TicketRouted
from bus.postgres.pool import Pool, connected
from schemas.catalogue import BY_CLASS

PAGE: Final = 2_000
DECODED: Final = 100  # events at once, between which others have their turn
_READ: Final[LiteralString] = """
SELECT ticket_id, version, value FROM events
WHERE event_id >= %s AND ce_type = ANY(%s) AND NOT historic AND ticket_id < 'V' AND (ticket_id, version) > (%s, %s)
ORDER BY ticket_id, version LIMIT %s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReader:
    """Counts page by page, without virtual tickets and the imported past; whoever asks waits for who asked before."""

    pool: Pool
    read: Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]
    page: int = PAGE
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def shares(self, since: datetime) -> Sequence[PersonShare]:
        """Give the share of each person since a time. Raises StoreUnavailable, RegistryUnavailable."""
        tally, after = FairnessTally(), ("", 0)
        async with self._turn:
            while True:
                rows = await self._page(since, after)
                for begin in range(0, len(rows), DECODED):
                    tally.take(await self.read([value for _, _, value in rows[begin : begin + DECODED]]))
                    await asyncio.sleep(0)
                if len(rows) < self.page:
                    return tally.shares()
                after = rows[-1][:2]

    async def _page(self, since: datetime, after: tuple[str, int]) -> Sequence[tuple[str, int, bytes]]:
        first = UUID(int=int(since.timestamp() * 1000) << 80)  # event ids are in order of when they were made
        kinds = [BY_CLASS[one].ce_type for one in (TicketRouted, TicketAssigned)]
        async with connected(self.pool) as connection:
            return await (await connection.execute(_READ, (first, kinds, *after, self.page), binary=True)).fetchall()
