"""One token for all calls of a target: got once for all who wait, again when it is over or was refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from adapters.outbound_http import Deadline
from adapters.shared_login import SharedLogin

_EARLY_S_MAX = 60.0  # so long before its end a token is renewed, but never earlier than at half its time


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it was issued. `valid_s`: for how long; None: until it is refused."""

    text: str = field(repr=False)
    valid_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    """A token, and until when it is used, on the event loop's clock."""

    text: str = field(repr=False)
    until: float

    def is_over(self, lost: str) -> bool:
        """Say whether it is the one that was refused, or its time has come."""
        return self.text == lost or asyncio.get_running_loop().time() >= self.until


class SharedToken:
    """Asks for a token with one request at a time. Who waited for it shares its outcome, a refusal as well."""

    def __init__(self, fetch: Callable[[Deadline], Awaitable[Token]]) -> None:
        """Ask for nothing yet; `fetch` raises DeliveryFailed."""
        self._fetch, self._login, self._text = fetch, SharedLogin[_Issued](), ""

    @property
    def text(self) -> str:
        """Give the token that was issued last, or nothing."""
        return self._text

    async def get(self, deadline: Deadline, *, lost: str = "") -> str:
        """Give a token that is in force and is not the `lost` one, which was refused. Raises DeliveryFailed."""
        held = await self._login.session(lambda: self._issued(deadline), deadline, over=lambda one: one.is_over(lost))
        self._text = held.session.text
        return self._text

    async def _issued(self, deadline: Deadline) -> _Issued:
        began = asyncio.get_running_loop().time()
        token = await self._fetch(deadline)
        return _Issued(text=token.text, until=used_until(began, token.valid_s))


def used_until(began: float, valid_s: float | None) -> float:
    """Give when a token is renewed that was asked for when it `began`. Pure."""
    return float("inf") if valid_s is None else began + valid_s - min(_EARLY_S_MAX, valid_s / 2)


def lifetime_s(given: object) -> float | None:
    """Read for how long a token is valid, which some write as a text; None where that is not said. Pure."""
    text = str(given).strip()
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0 else None
