"""Files on a database and a directory of the tests' own."""

from pathlib import Path

import pytest

from bus.files.directory_store import DirectoryStore
from bus.files.files import FileLimits, Files
from bus.intake.dispatch import Dispatcher
from bus.postgres.pool import Pool, connected
from bus.postgres.store import PostgresStore
from tests.domain.people import RULES, START
from tests.store.conftest import database, pool, postgres_store

__all__ = ["database", "files", "pool", "postgres_store"]

LIMITS = FileLimits(bytes_max=1_000_000, client_day_bytes=10_000_000, free_bytes_min=0)


@pytest.fixture
async def files(pool: Pool, tmp_path: Path) -> Files:
    """Give the files of one test; other tests have had other directories with this database."""
    async with connected(pool) as connection:
        await connection.execute("UPDATE file_store SET id = NULL")
    store = DirectoryStore(tmp_path / "files")
    await store.mark(tmp_path.name)
    return Files(pool=pool, store=store, limits=LIMITS)


@pytest.fixture
def dispatcher(postgres_store: PostgresStore) -> Dispatcher:
    """Decide on tickets in the real store."""
    return Dispatcher(store=postgres_store, rules=RULES, now=lambda: START)
