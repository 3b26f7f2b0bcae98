"""Databases of tests: copies of one that `prepare` made once in the run."""

import asyncio
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from bus.app import Core, prepare
from bus.domain.events import Recorded
from bus.local.stack import Urls
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import Pool, connected
from bus.schema_registry import SchemaLearner
from bus.settings import Settings
from bus.wire.sealing import MasterKey
from tests.schemas.codecs import CODEC

ADMIN_TOKEN = "test-admin-token-of-at-least-32-random-bytes"
MASTER_KEY = "test-master-key-of-at-least-32-random-bytes"
KEYS = PersonalKeys(MasterKey(MASTER_KEY.encode()))
# Workers of one run share a template; another run may meet another registry, with other ids.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
_ONE_AT_A_TIME = 0x7E57


def make_database(parts: Urls, name: str) -> str:
    """Make a migrated database that knows the registered schemas and the first admin's token; gives its URL."""
    template = template_on(parts)
    with psycopg.connect(parts.admin_url, autocommit=True) as server:
        names = sql.Identifier(name), sql.Identifier(template), _owner(parts)
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(*names))
    return url_of(parts, name)


@contextmanager
def empty_database(parts: Urls) -> Iterator[str]:
    """Make a database without tables; it is gone after the block."""
    name = f"empty_{uuid4().hex[:10]}"
    with psycopg.connect(parts.admin_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), _owner(parts)))
    try:
        yield url_of(parts, name)
    finally:
        drop_database(parts, name)


def drop_database(parts: Urls, name: str) -> None:
    """Drop a database, whoever is connected to it."""
    with psycopg.connect(parts.admin_url, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of(parts: Urls, name: str) -> str:
    """Answer the URL of a database beside the parts' own."""
    return urlunsplit(urlsplit(parts.database_url)._replace(path=f"/{name}"))


def admin_url_of(parts: Urls, url: str) -> str:
    """Answer the superuser's URL of a database of a test."""
    return urlunsplit(urlsplit(parts.admin_url)._replace(path=urlsplit(url).path))


def _owner(parts: Urls) -> sql.Identifier:
    """Name the role that programs connect as, which is no superuser on parts of our own."""
    return sql.Identifier(unquote(urlsplit(parts.database_url).username or ""))


@functools.cache
def template_on(parts: Urls) -> str:
    """Make the database that others are copied from, unless another worker of this run has; gives its name."""
    name = f"template_{_RUN[:16]}"
    with psycopg.connect(parts.admin_url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))  # let go with the connection
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            half = f"{name}_half"
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(half)))
            server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(half), _owner(parts)))
            settings = {
                "database_url": url_of(parts, half),
                "kafka_bootstrap": parts.kafka_bootstrap,
                "schema_registry_url": parts.schema_registry_url,
                "schema_registry_basic_auth": parts.schema_registry_basic_auth,
                "namespace": name.replace("_", ""),
                "token": ADMIN_TOKEN,
                "master_key": MASTER_KEY,
            }
            asyncio.run(prepare(Settings.model_validate(settings)))
            server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(half), sql.Identifier(name)))
    return name


async def clear_history(core: Core, ticket_id: str) -> list[Recorded]:
    """Read a ticket's events in clear."""
    async with connected(core.pool) as connection:
        query = "SELECT value FROM events WHERE ticket_id = %s ORDER BY version"
        values = await (await connection.execute(query, (ticket_id,))).fetchall()
    return await core.clear.events([value for (value,) in values])


def clear_on(pool: Pool) -> ClearEvents:
    """Read in clear what is stored by this pool, with the catalogue's own schemas."""
    return ClearEvents(pool, KEYS, SchemaLearner(codec=CODEC, pool=pool, registry=None))
