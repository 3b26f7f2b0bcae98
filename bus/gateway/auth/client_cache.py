"""Tokens in memory: refreshed every few seconds and on a miss, the last known ones while PostgreSQL is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from bus.domain.errors import StoreUnavailable
from bus.gateway.auth.binding import Client
from bus.gateway.auth.clients import token_hash

REFRESH_S = 5.0
RELOAD_GAP_S = 0.05  # unknown tokens cannot make us ask the database more often than this

Load = Callable[[], Awaitable[Mapping[bytes, Client]]]


class ClientCache:
    """Answers from memory; a revoked token is refused within REFRESH_S."""

    def __init__(
        self,
        load: Load,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Know nobody yet."""
        self._load, self._clock, self._sleep = load, clock, sleep
        self._known: Mapping[bytes, Client] = {}
        self._turn = asyncio.Lock()
        self._began_at = float("-inf")  # of the last load
        self._away = True

    async def find(self, token: str) -> Client | None:
        """Give a token's client. Raises StoreUnavailable when it is unknown here and the store is away."""
        digest, asked_at = token_hash(token), self._clock()
        found = self._known.get(digest)
        if found is not None:
            return found
        async with self._turn:
            if self._began_at <= asked_at:  # a token made since then is not in what was loaded
                await self._sleep(max(0.0, self._began_at + RELOAD_GAP_S - self._clock()))
                await self.refresh()
        found = self._known.get(digest)
        if found is None and self._away:
            raise StoreUnavailable("nobody can tell now whose token this is")
        return found

    async def refresh(self) -> None:
        """Load anew; keeps what is known when the store is away. Never raises StoreUnavailable."""
        self._began_at = self._clock()
        try:
            self._known = await self._load()
            self._away = False
        except StoreUnavailable:
            self._away = True

    async def refresh_for_ever(self) -> None:
        """Refresh every REFRESH_S until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)
