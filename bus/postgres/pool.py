"""The connection pool, and which database errors mean that PostgreSQL is away for now."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, LiteralString, ParamSpec, TypeVar

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.abc import Params, PQGen
from psycopg.errors import UndefinedColumn, UndefinedTable
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from bus.domain.errors import DatabaseNotPrepared, StoreUnavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Row = TypeVar("Row")

APPLICATION = "ticketbus"
CONNECT_TIMEOUT_S = 5.0
UNANSWERED_MS_MAX = 10_000
ANSWER_S_MAX = 6.0
"""For what must go on without PostgreSQL: it waits so long for each answer."""
_AWAY = (OperationalError, InterfaceError, PoolTimeout, PoolClosed, TooManyRequests)


class Connection(AsyncConnection[TupleRow]):
    """A connection that is cut once an answer has taken `answer_s_max`.

    The system of a server that hangs goes on acknowledging what it is sent, so that no limit of TCP ends the wait.
    """

    answer_s_max: float | None = None
    archive: Path | None = None
    """Where the files of archived months lie, for whoever reads the log by this connection."""

    async def wait(self, gen: PQGen[Result], *args: Any, **options: Any) -> Result:
        """Await one exchange with the server. Raises OperationalError once the connection was cut."""
        if self.answer_s_max is None:
            return await super().wait(gen, *args, **options)
        cutting = asyncio.get_running_loop().call_later(self.answer_s_max, self._cut)
        try:
            return await super().wait(gen, *args, **options)
        finally:
            cutting.cancel()

    def _cut(self) -> None:
        with socket.socket(fileno=os.dup(self.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)  # libpq reads the end of it: no cancelling, which needs the server


Pool = AsyncConnectionPool[Connection]


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    size: int = 8,
    name: str = APPLICATION,
    answer_s_max: float | None = None,
    archive: Path | None = None,
) -> AsyncIterator[Pool]:
    """Hold up to `size` connections; opens without waiting, so that a program starts while the database is away.

    The server shows them by `name`, which begins with APPLICATION. Each waits `answer_s_max` for an answer, if given.
    `archive`: where the files of archived months lie.
    """

    async def limit(connection: Connection) -> None:
        connection.answer_s_max, connection.archive = answer_s_max, archive

    options: dict[str, Any] = {
        "connect_timeout": int(CONNECT_TIMEOUT_S),
        "application_name": name,
        # A server that vanished is noticed by unacknowledged data (TCP user timeout) or by keepalives.
        "tcp_user_timeout": UNANSWERED_MS_MAX,
        "keepalives_idle": 10,
    }
    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=Connection,
        min_size=1,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        reconnect_timeout=2.0,
        check=None,
        configure=limit,
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
async def connected(pool: Pool, *, answer_s_max: float | None = None) -> AsyncIterator[Connection]:
    """Borrow a connection in a transaction: committed on a clean exit. Raises StoreUnavailable.

    With `answer_s_max`, or the pool's, also when the server, hanging, leaves any one question unanswered for so long.
    """
    async with guard(), pool.connection() as connection:
        usual = connection.answer_s_max
        connection.answer_s_max = answer_s_max or usual
        try:
            async with connection.transaction():
                yield connection
        finally:
            connection.answer_s_max = usual


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


async def read_rows(
    connection: Connection, query: LiteralString | bytes, row: type[Row], asked: Params | None = None
) -> list[Row]:
    """Read the rows of a query as objects of a class."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        return await (await cursor.execute(query, asked)).fetchall()


async def read_row(
    connection: Connection, query: LiteralString | bytes, row: type[Row], asked: Params | None = None
) -> Row | None:
    """Read the first row of a query as an object of a class; None where there is none."""
    async with connection.cursor(row_factory=class_row(row)) as cursor:
        return await (await cursor.execute(query, asked)).fetchone()
