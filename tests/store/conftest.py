"""A database of the tests' own on the shared parts, and the stores under test."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from bus.local.stack import Urls
from bus.postgres.pool import Pool, open_pool
from bus.postgres.store import PostgresStore
from schemas.topics import load_contract
from tests.databases import KEYS, drop_database, make_database
from tests.schemas.codecs import CODEC


@pytest.fixture(scope="module")
def database(parts: Urls) -> Iterator[str]:
    """Give a migrated database to one module of tests."""
    name = f"store_{uuid4().hex[:10]}"
    yield make_database(parts, name)
    drop_database(parts, name)


@pytest.fixture(scope="module")
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connect to it."""
    async with open_pool(database, size=8) as pool:
        yield pool


@pytest.fixture(scope="module")
def postgres_store(pool: Pool) -> PostgresStore:
    """Give the real store, with a codec that asks no registry."""
    return PostgresStore(pool, CODEC, load_contract(), KEYS)
