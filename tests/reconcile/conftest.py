"""A database of the tests' own, and a reconciler on it."""

from datetime import timedelta

import pytest

from bus.domain.rules import Rules
from bus.domain.sla_clock import SlaLimit
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from bus.reconcile.reconciler import Reconciler
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "pool", "postgres_store"]
RULES_OF_TESTS = Rules(
    dedupe_window=timedelta(minutes=15),
    sla={"hardware_fault": SlaLimit(response=timedelta(minutes=15), resolution=timedelta(hours=24))},
    root_causes=frozenset({"worn_part"}),
)


@pytest.fixture(autouse=True)
async def emptied(pool: Pool) -> None:
    """Begin without tickets, lists and alerts."""
    async with connected(pool) as connection:
        tables = b"events, ticket_states, ticket_names, commands, source_lists, reconciliations, missing_tickets"
        await connection.execute(b"TRUNCATE " + tables)


@pytest.fixture
def dispatcher(postgres_store: PostgresStore) -> Dispatcher:
    return Dispatcher(store=postgres_store, rules=RULES_OF_TESTS)


@pytest.fixture
def reconciler(pool: Pool, postgres_store: PostgresStore) -> Reconciler:
    return Reconciler(pool=pool, store=postgres_store)
