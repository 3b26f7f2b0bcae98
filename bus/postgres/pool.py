"""The connection pool, and which database errors mean that PostgreSQL is away for now."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.errors import UndefinedColumn, UndefinedTable
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from bus.domain.errors import DatabaseNotPrepared, StoreUnavailable

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

APPLICATION = "ticketbus"
CONNECT_TIMEOUT_S = 5.0
UNANSWERED_MS_MAX = 10_000
_AWAY = (OperationalError, InterfaceError, PoolTimeout, PoolClosed, TooManyRequests)


@asynccontextmanager
async def open_pool(url: str, *, size: int = 8, name: str = APPLICATION) -> AsyncIterator[Pool]:
    """Hold up to `size` connections; opens without waiting, so that a program starts while the database is away.

    The server shows them by `name`, which begins with APPLICATION.
    """
    options: dict[str, Any] = {
        "connect_timeout": int(CONNECT_TIMEOUT_S),
        "application_name": name,
        # A server that vanished is noticed by unacknowledged data (TCP user timeout) or by keepalives.
        "tcp_user_timeout": UNANSWERED_MS_MAX,
        "keepalives_idle": 10,
    }
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=2.0,
        check=None,
        kwargs=options,
        open=False,
        num_workers=2,
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=CONNECT_TIMEOUT_S)


@asynccontextmanager
async def guard() -> AsyncIterator[None]:
    """Turn "the database is away" or not prepared into StoreUnavailable; every other error passes as it is."""
    try:
        yield
    except _AWAY as error:
        raise StoreUnavailable(f"PostgreSQL is away: {type(error).__name__}") from error
    except (UndefinedTable, UndefinedColumn) as error:
        what = error.diag.message_primary
        raise DatabaseNotPrepared(
            f"the database is not prepared for this version ({what}); run `ticketbus prepare`"
        ) from error


@asynccontextmanager
async def connected(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection in a transaction: committed on a clean exit. Raises StoreUnavailable."""
    async with guard(), pool.connection() as connection, connection.transaction():
        yield connection


async def in_transaction(
    pool: Pool,
    act: Callable[Concatenate[Connection, Arguments], Awaitable[Result]],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Result:
    """Run `act` in a transaction of its own. Raises what `act` raises, StoreUnavailable."""
    async with connected(pool) as connection:
        return await act(connection, *args, **kwargs)


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection that reads one moment of the database, however many queries it takes, and writes nothing.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection
