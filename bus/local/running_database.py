"""What the running stack's own database says, asked directly: no program has to answer."""

from collections.abc import Sequence
from typing import Any, Final, LiteralString

import psycopg

from bus.local.state import StackState

CONNECT_S: Final = 2


def running_database(state: StackState | None) -> str | None:
    """Give the URL of a running stack's own database."""
    return state.lends.get("database_url") if state is not None and state.living_supervisor() else None


def read_rows(url: str, *queries: LiteralString) -> list[Sequence[tuple[Any, ...]]]:
    """Give the rows of each query; none while the database is away or not prepared, which others say.

    Blocks for seconds at most.
    """
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_S) as connection:
            return [connection.execute(query).fetchall() for query in queries]
    except psycopg.Error:
        return [() for _ in queries]
