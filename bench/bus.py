"""The bus of the tests, for one measurement: programs of its own imports, and waiting in vain is a time-out."""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from bus.local.stack import Urls
from tests import bus_under_test
from tests.bus_under_test import TOKEN, Bus

__all__ = ("TOKEN", "Bus", "bus_on", "may_look", "until")


def may_look(parts: Urls) -> None:
    """Let the user of measured databases make checkpoints, and see what every process of the server does."""
    user = urlsplit(parts.database_url).username
    assert user, "the parts have a user of their own"
    with psycopg.connect(parts.admin_url, autocommit=True) as server:
        server.execute(SQL("GRANT pg_checkpoint, pg_read_all_stats TO {}").format(Identifier(user)))


bus_on = partial(bus_under_test.bus_on, database_kept=False, fork=False)


async def until(holds: Callable[[], Awaitable[object]], *, within_s: float, each_s: float = 0.02) -> None:
    """Wait until the condition holds. Raises TimeoutError after the limit."""
    try:
        await bus_under_test.eventually(holds, within_s=within_s, each_s=each_s)
    except AssertionError as error:
        raise TimeoutError(str(error)) from error
