"""The bus of the tests, for one measurement: programs of its own imports, and waiting in vain is a time-out."""

from collections.abc import Awaitable, Callable
from functools import partial

from tests import bus_under_test
from tests.bus_under_test import TOKEN, Bus

__all__ = ("TOKEN", "Bus", "bus_on", "until")

bus_on = partial(bus_under_test.bus_on, database_kept=False, fork=False)


async def until(holds: Callable[[], Awaitable[object]], *, within_s: float, each_s: float = 0.02) -> None:
    """Wait until the condition holds. Raises TimeoutError after the limit."""
    try:
        await bus_under_test.eventually(holds, within_s=within_s, each_s=each_s)
    except AssertionError as error:
        raise TimeoutError(str(error)) from error
