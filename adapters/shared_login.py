"""One login that all calls of a target share: those that find none, or the same one lost, wait for one new login."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.outbound_http import Deadline
from bus.delivery.target import DeliveryFailed, FailureKind

SessionT = TypeVar("SessionT")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSession(Generic[SessionT]):
    """What a login gave, by its number: the first is 1."""

    number: int
    session: SessionT


class SharedLogin(Generic[SessionT]):
    """Logs in one call at a time. Who waited meanwhile shares the outcome, a refusal as well."""

    def __init__(self) -> None:
        """Begin without a session."""
        self._turn = asyncio.Lock()
        self._held: HeldSession[SessionT] | None = None
        self._refusal: DeliveryFailed | None = None  # of the last login, for those who waited for it

    async def session(
        self,
        log_in: Callable[[], Awaitable[SessionT]],
        deadline: Deadline,
        *,
        lost: int = 0,
        over: Callable[[SessionT], bool] = lambda _: False,
    ) -> HeldSession[SessionT]:
        """Give the session; log in where there is none, it is the one that was lost, or it is over.

        Raises DeliveryFailed.
        """
        known = self._refusal
        async with self._login_turn(deadline):
            if self._held is None or self._held.number == lost or over(self._held.session):
                if self._refusal is not None and self._refusal is not known:
                    raise self._refusal.again()
                try:
                    session = await log_in()
                except DeliveryFailed as failure:
                    self._refusal = failure
                    raise
                self._held = HeldSession(number=(self._held.number if self._held else 0) + 1, session=session)
            return self._held

    @asynccontextmanager
    async def _login_turn(self, deadline: Deadline) -> AsyncIterator[None]:
        """Log in one at a time; who waits for another's login has the deadline of its own call."""
        try:
            async with asyncio.timeout_at(deadline.at):
                await self._turn.acquire()
        except TimeoutError:
            raise DeliveryFailed(FailureKind.UNAVAILABLE, str(deadline)) from None
        try:
            yield
        finally:
            self._turn.release()
