"""Databases as released versions left them: the schema at their last migration, with rows in every table."""

import gzip
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from bus.local.stack import Urls
from bus.postgres import migrate as migrate_module
from tests.databases import empty_database

LAST_MIGRATION = {"before-0.2.0": "20261123000007", "0.2.0": "20261128000020"}
_FOLDER = Path(__file__).parents[1] / "data" / "releases"
_COPY = re.compile(rb"(COPY (\w+) \(([\w, ]+)\) FROM) stdin;\n(.*?)^\\\.\n", re.DOTALL | re.MULTILINE)


@asynccontextmanager
async def schema_of(release: str, parts: Urls) -> AsyncIterator[str]:
    """Make a database with a release's tables, empty; gives its URL. It is gone after the block."""
    with empty_database(parts) as url:
        await migrate_to(LAST_MIGRATION[release], url)
        yield url


async def migrate_to(last: str, url: str) -> None:
    """Apply the migrations up to that number."""
    with TemporaryDirectory() as folder:
        for one in resources.files("bus.postgres").joinpath("migrations").iterdir():
            if one.name.partition("_")[0] <= last:
                with resources.as_file(one) as file:
                    shutil.copy(file, folder)
        await migrate_module._dbmate(url, Path(folder))


def restore(release: str, connection: psycopg.Connection[Any]) -> None:
    """Put the rows of a release's dump into its tables."""
    dump = gzip.decompress((_FOLDER / f"{release}.sql.gz").read_bytes())
    end = 0
    for found in _COPY.finditer(dump):
        connection.execute(dump[end : found.start()])
        end = found.end()
        with connection.cursor().copy(found[1] + b" STDIN") as copy:
            copy.write(found[4])
    connection.execute(dump[end:])


def rows_of(connection: psycopg.Connection[Any]) -> dict[str, list[dict[str, Any]]]:
    """Read every table but the migrations': its rows as JSON, in order of their text."""
    return {table: list(_rows(connection, table)) for table in _tables(connection)}


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'"
    return [name for (name,) in connection.execute(query).fetchall()]


def _rows(connection: psycopg.Connection[Any], table: str) -> Iterator[dict[str, Any]]:
    query = f"SELECT to_jsonb(t) FROM {table} t ORDER BY t::text"  # noqa: S608 - a table's name
    return (row for (row,) in connection.execute(query.encode()).fetchall())
