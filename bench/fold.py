"""The fold that all contenders do: decode an event, fold it into its ticket, keep the folded state in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import psycopg
from orjson import Fragment

from bus.domain.events import Recorded
from bus.domain.ticket import Ticket
from bus.postgres.pool import Pool, connected, open_pool
from bus.schema_registry import load_codec
from bus.wire.codec import Codec, ticket_json
from projections.read_model import ReadModel, Table, Written
from projections.ticket_model import fold, read_folded, ticket_model


def read_model(table: str) -> ReadModel[Recorded, Ticket]:
    """Give the read model that keeps folded tickets in this table."""

    def write(_: Ticket | None, ticket: Ticket) -> Mapping[str, Sequence[Written]]:
        row = {"ticket_id": ticket.ticket_id, "version": ticket.version, "folded": Fragment(ticket_json(ticket))}
        return {table: [row]}

    return ticket_model(
        name=table,
        tables=(Table(name=table, key=("ticket_id",)),),
        project=fold,
        stored=("folded",),
        read=read_folded,
        write=write,
    )


def make_table(database_url: str, table: str) -> None:
    """Make an empty table for the folds of one contender."""
    query = f"CREATE TABLE {table} (ticket_id text PRIMARY KEY, version integer, folded jsonb) WITH (fillfactor = 70)"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(query.encode())


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[tuple[Pool, Codec]]:
    """Open a pool, and the codec that the database knows."""
    async with open_pool(database_url, size=4) as pool:
        async with connected(pool) as connection:
            codec = await load_codec(connection)
        yield pool, codec
