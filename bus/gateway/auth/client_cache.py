"""Tokens in memory: refreshed every few seconds and on a miss, the last known ones while PostgreSQL is away.

Which of them were used is written once a minute.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from bus.domain.errors import StoreUnavailable
from bus.gateway.auth.binding import Client
from bus.gateway.auth.clients import token_hash
from bus.intake.dispatch import utc_now

REFRESH_S = 5.0
RELOAD_GAP_S = 0.05  # unknown tokens cannot make us ask the database more often than this

USE_GAP = timedelta(minutes=1)  # of two writes of when a client was seen

Load = Callable[[], Awaitable[Mapping[bytes, Client]]]
NoteUse = Callable[[Mapping[str, datetime]], Awaitable[None]]


async def _nowhere(_: Mapping[str, datetime]) -> None:
    """Write nothing."""


class ClientCache:
    """Answers from memory; a revoked token is refused within REFRESH_S."""

    def __init__(
        self,
        load: Load,
        note_use: NoteUse = _nowhere,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Know nobody yet."""
        self._load, self._note_use, self._now, self._clock, self._sleep = load, note_use, now, clock, sleep
        self._used: dict[str, datetime] = {}
        self._written_at = now()
        self._known: Mapping[bytes, Client] = {}
        self._turn = asyncio.Lock()
        self._began_at = float("-inf")  # of the last load
        self._away = True

    async def find(self, token: str) -> Client | None:
        """Give a live token's client. Raises StoreUnavailable when it is unknown here and the store is away."""
        found, now = await self._find(token), self._now()
        if found is None or (found.expires_at and found.expires_at <= now):
            return None
        self._used[found.name] = now
        return found

    async def _find(self, token: str) -> Client | None:
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
            await self.write_uses()
            await asyncio.sleep(REFRESH_S)

    async def write_uses(self) -> None:
        """Write who was seen, once a minute; never raises StoreUnavailable."""
        if not self._used or self._now() - self._written_at < USE_GAP:
            return
        used, self._used, self._written_at = self._used, {}, self._now()
        try:
            await self._note_use(used)
        except StoreUnavailable:
            self._used = used | self._used
