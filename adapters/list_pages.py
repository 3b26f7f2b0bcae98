"""Pages of a list of documents: a page that fails is asked for again a few times, whatever made it fail."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from bus.delivery.target import DeliveryFailed, FailureKind

PAGE_WITHIN_S: Final = 30.0
WAITS_S: Final = (0.5, 2.0, 8.0)
RETRY_AFTER_S_MAX: Final = 60.0
_MAY_PASS: Final = frozenset(
    {FailureKind.UNREACHABLE, FailureKind.UNAVAILABLE, FailureKind.THROTTLED, FailureKind.UNKNOWN}
)
Page = TypeVar("Page")


async def patiently(ask: Callable[[], Awaitable[Page]], waits_s: Sequence[float] = WAITS_S) -> Page:
    """Ask, and again after each wait, or the one that was asked for, while a failure may pass. Raises DeliveryFailed.

    For questions alone: whatever became of one that failed, nothing was changed.
    """
    for wait_s in waits_s:
        try:
            return await ask()
        except DeliveryFailed as failed:
            if failed.kind not in _MAY_PASS:
                raise
            await asyncio.sleep(min(max(wait_s, failed.retry_after_s or 0.0), RETRY_AFTER_S_MAX))
    return await ask()
