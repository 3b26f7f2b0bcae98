"""PostgreSQL keeps the stores' contract; beyond it, the outbox is filled with the events and an outage is Transient."""

import socket
from typing import Any

import pytest

from bus.domain.batch import Accepted, wanted
from bus.domain.errors import DatabaseNotPrepared, StoreUnavailable
from bus.domain.terms import TicketId
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected, open_pool
from bus.postgres.store import PostgresStore
from bus.wire.partitioner import partition_of
from schemas.topics import load_contract
from tests.databases import KEYS
from tests.domain.people import ASSIGN, RULES, START
from tests.schemas.codecs import CODEC
from tests.store.contract_suite import StoreContract, fresh, opening

_OUTBOX = "SELECT topic, version, shard, published_at FROM outbox WHERE ticket_id = %s"
_KILL_THE_IDLE_IN_TRANSACTION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"""


class TestPostgresStore(StoreContract):
    """The contract, for real."""

    @pytest.fixture
    def store(self, postgres_store: PostgresStore) -> PostgresStore:
        """Use the module's database."""
        return postgres_store

    async def test_postgres_the_outbox_holds_each_event_once_per_destination(
        self, dispatcher: Dispatcher, pool: Pool
    ) -> None:
        ticket_id = await self.opened(dispatcher)
        await dispatcher.dispatch([fresh(ASSIGN, ticket_id=ticket_id)])
        expected = [("ticket.events", 1), ("ticket.status", 1)]
        expected += [("ticket.events", 2), ("ticket.assign", 2), ("ticket.status", 2)]
        rows = await read(
            pool, "SELECT topic, version, shard, published_at FROM outbox WHERE ticket_id = %s", ticket_id
        )
        assert sorted((topic, version) for topic, version, _, _ in rows) == sorted(expected)
        assert {(shard, at) for _, _, shard, at in rows} == {(partition_of(ticket_id, 6), None)}

    async def test_postgres_the_imported_past_goes_to_the_log_alone(self, dispatcher: Dispatcher, pool: Pool) -> None:
        (outcome,) = await dispatcher.dispatch([fresh(opening(), historic=True)])
        assert isinstance(outcome, Accepted)
        rows = await read(pool, "SELECT topic FROM outbox WHERE ticket_id = %s", outcome.ticket_id)
        assert rows == [("ticket.events",)]

    async def test_postgres_the_row_of_a_name_that_nobody_bears_is_dropped(
        self, dispatcher: Dispatcher, pool: Pool
    ) -> None:
        await dispatcher.dispatch([fresh(opening(title=""))])
        assert await read(pool, "SELECT * FROM ticket_names WHERE ticket_id IS NULL") == []

    async def test_postgres_a_connection_lost_midway_is_an_outage_and_nothing_is_kept(
        self, store: PostgresStore, dispatcher: Dispatcher, pool: Pool
    ) -> None:
        command = fresh(opening())

        async def lose_it_midway() -> None:
            async with store.transaction() as tx:
                await tx.load(wanted([command], RULES))
                await read(pool, _KILL_THE_IDLE_IN_TRANSACTION)
                await tx.load(wanted([command], RULES))

        with pytest.raises(StoreUnavailable):
            await lose_it_midway()
        (outcome,) = await dispatcher.dispatch([command])
        assert isinstance(outcome, Accepted)
        assert not outcome.repeated


async def test_postgres_a_database_that_is_away_is_an_outage_and_no_other_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/nothing"
    async with open_pool(url, size=1) as away:
        away.timeout = 0.5
        store = PostgresStore(away, CODEC, load_contract(), KEYS)
        dispatcher = Dispatcher(store=store, rules=RULES, now=lambda: START)
        with pytest.raises(StoreUnavailable):
            await dispatcher.dispatch([fresh(opening())])
        with pytest.raises(StoreUnavailable):
            await store.ticket(TicketId("T20261122-000001"))
        with pytest.raises(StoreUnavailable):
            await store.events(TicketId("T20261122-000001"))


async def test_postgres_a_database_that_was_not_prepared_is_waited_for_and_says_what_to_run(pool: Pool) -> None:
    for query in ("SELECT 1 FROM no_such_table", "SELECT no_such_column FROM tickets"):
        with pytest.raises(DatabaseNotPrepared, match=r"no_such_.* run `ticketbus prepare`"):
            await read(pool, query)


async def read(pool: Pool, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Read rows."""
    async with connected(pool) as connection:
        return await (await connection.execute(query.encode(), parameters)).fetchall()
