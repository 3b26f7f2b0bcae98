"""What programs look at again and again, in rounds."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bus.domain.errors import BusError, StoreUnavailable

log = structlog.get_logger()


async def in_rounds(
    look: Callable[[], Awaitable[None]], every_s: float, missed: str, *, passing: type[BusError] = StoreUnavailable
) -> None:
    """Look every so often until cancelled; a look that ends with what is `passing` is logged as `missed`."""
    while True:
        try:
            await look()
        except passing as error:
            log.warning(missed, cause=str(error))
        await asyncio.sleep(every_s)
