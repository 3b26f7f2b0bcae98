"""The embedded server's roles: no superuser, each in its own database, also where a superuser made all of it before."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from bus.local import postgres
from bus.local.databases import make_databases
from bus.local.ports import PortClaims
from bus.local.process import stop_all
from bus.local.state import Secrets
from bus.postgres.migrate import migrate
from bus.settings import Settings
from tests.bus_under_test import eventually
from tests.stack import fresh_data

SECRETS = Secrets()
_STRANGERS = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relowner <> 'bus'::regrole"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Run a server that a version before has made: the superuser owns the databases and what is in them."""
    claims = PortClaims(Settings().cache)
    claimed = claims.claim(("postgres",), {}, fixed={})["postgres"]
    with fresh_data() as data:
        (data / "logs").mkdir()
        child = postgres.start(data, port=claimed, password=SECRETS.database_password, logs=data / "logs")
        try:
            asyncio.run(_answers(claimed))
            with psycopg.connect(_admin(claimed), autocommit=True) as server:
                for name in (postgres.DATABASE, postgres.REGISTRY_DATABASE):
                    server.execute(f"CREATE DATABASE {name}".encode())
            asyncio.run(migrate(_admin(claimed, postgres.DATABASE)))
            with psycopg.connect(_admin(claimed, postgres.REGISTRY_DATABASE)) as registry:
                registry.execute("CREATE TABLE artifacts (id serial PRIMARY KEY); CREATE SEQUENCE ids")
                registry.execute("CREATE VIEW shown AS SELECT * FROM artifacts")
            for _ in range(2):  # at every start
                make_databases(port=claimed, secrets=SECRETS)
            yield claimed
        finally:
            stop_all([child], grace_s=0)
            claims.release()


async def _answers(port: int) -> None:
    await eventually(lambda: asyncio.to_thread(postgres.answers, port=port, password=SECRETS.database_password))


def _admin(port: int, database: str = postgres.ADMIN_DATABASE) -> str:
    return postgres.admin_url(port=port, password=SECRETS.database_password, database=database)


def _registry(port: int, database: str = postgres.REGISTRY_DATABASE) -> str:
    password = SECRETS.registry_database_password
    return f"postgresql://{postgres.REGISTRY_ROLE}:{password}@127.0.0.1:{port}/{database}"


def test_databases_the_bus_s_role_owns_its_own_and_is_no_superuser(port: int) -> None:
    url = postgres.url(port=port, password=SECRETS.bus_database_password)
    with psycopg.connect(url, autocommit=True) as bus:
        assert bus.execute("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
                           ).fetchone() == (False, False, False)  # fmt: skip
        assert bus.execute(_STRANGERS).fetchall() == []
        for beyond in (
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_read_file('/etc/hostname')",
            "ALTER SYSTEM SET fsync = off",
            "ALTER ROLE ticketbus PASSWORD NULL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                bus.execute(beyond.encode())
        bus.execute("DROP TABLE schema_migrations; CREATE TABLE later (id int)")
    with psycopg.connect(_admin(port, postgres.DATABASE), autocommit=True) as server:
        server.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
    asyncio.run(migrate(url))
    asyncio.run(migrate(url))


def test_databases_the_registry_s_role_has_what_a_superuser_made_before(port: int) -> None:
    with psycopg.connect(_registry(port)) as registry:
        registry.execute("INSERT INTO artifacts DEFAULT VALUES; ALTER TABLE artifacts ADD name text; DROP VIEW shown")
        registry.execute("SELECT nextval('ids'); CREATE TABLE more (id int)")


@pytest.mark.parametrize("other", [postgres.DATABASE, postgres.ADMIN_DATABASE, "template1"])
def test_databases_a_role_connects_to_no_other(port: int, other: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(_registry(port, other))
