"""A program refuses a database of a newer release, and to migrate beside programs that cannot live with it."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest

from bus.app import open_core, prepare
from bus.local.stack import Urls
from bus.postgres import connected_programs
from bus.postgres.pool import APPLICATION, connected, open_pool
from bus.postgres.schema_number import (
    PREPARING,
    ProgramsRun,
    SchemaNewer,
    check_may_migrate,
    known_schema,
    schema_number,
)
from bus.settings import Settings
from tests.databases import MASTER_KEY, drop_database, make_database
from tests.store.releases import schema_of

NEWER = "20990101000001"


@pytest.fixture
async def released(parts: Urls) -> AsyncIterator[str]:
    """Give a database with the tables of 0.2.0."""
    async with schema_of("0.2.0", parts) as url:
        yield url


@pytest.fixture
def prepared(parts: Urls) -> Iterator[str]:
    """Give a database of this version."""
    name = f"schema_number_{uuid4().hex[:8]}"
    yield make_database(parts, name)
    drop_database(parts, name)


async def test_schema_number_of_a_prepared_database_is_what_this_program_knows(prepared: str) -> None:
    async with open_pool(prepared, size=1) as pool, connected(pool) as connection:
        assert await schema_number(connection) == known_schema()


async def test_schema_number_of_a_newer_release_ends_every_program_and_prepare_at_their_start(
    prepared: str, parts: Urls
) -> None:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", (NEWER,))
    settings = Settings.model_validate(
        {"database_url": prepared, "kafka_bootstrap": parts.kafka_bootstrap, "master_key": MASTER_KEY}
    )
    for begin in (prepare(settings), _opened(settings)):
        with pytest.raises(SchemaNewer) as refused:
            await begin
        assert all(one in str(refused.value) for one in (NEWER, known_schema(), "docs/upgrading.md"))


async def _opened(settings: Settings) -> None:
    async with open_core(settings):
        raise AssertionError("it opened a database of a newer release")


async def test_schema_number_an_upgrade_that_stops_programs_is_refused_while_one_is_connected(
    released: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connected_programs, "STOP_S_MAX", 0.3)
    async with open_pool(released, size=1, name=PREPARING) as own, connected(own) as connection:
        async with open_pool(released, size=1, name=f"{APPLICATION} old worker") as other, connected(other):
            with pytest.raises(ProgramsRun, match="old worker"):
                await check_may_migrate(connection)
        await check_may_migrate(connection)  # it has gone, which one transaction sees too


async def test_schema_number_other_upgrades_go_beside_running_programs(prepared: str) -> None:
    async with (
        open_pool(prepared, size=2, name=PREPARING) as own,
        open_pool(prepared, size=1) as other,
        connected(other),
        connected(own) as connection,
    ):
        await check_may_migrate(connection)
