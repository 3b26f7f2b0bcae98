"""A database of the tests' own on the shared parts, and the stores under test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from bus.local.stack import Urls
from bus.postgres.migrate import migrate
from bus.postgres.pool import Pool, open_pool
from bus.postgres.store import PostgresStore
from schemas.topics import load_contract
from tests.schemas.codecs import CODEC


@contextmanager
def _new_database(url: str) -> Iterator[str]:
    name = f"store_{uuid4().hex[:10]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
async def database(parts: Urls) -> AsyncIterator[str]:
    """Give a migrated database to one module of tests."""
    with _new_database(parts.database_url) as url:
        await migrate(url)
        yield url


@pytest.fixture(scope="module")
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connect to it."""
    async with open_pool(database, size=8) as pool:
        yield pool


@pytest.fixture(scope="module")
def postgres_store(pool: Pool) -> PostgresStore:
    """Give the real store, with a codec that asks no registry."""
    return PostgresStore(pool, CODEC, load_contract())
