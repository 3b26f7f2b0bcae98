"""The parts that tests run on: those named by the environment, else a local stack of the tests' own."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bus.local.stack import Urls, running_parts
from bus.settings import Settings, load

# What makes PostgreSQL outlive a crash of the machine, which no test on the shared parts is about.
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Parts that run, and the data directory of those among them that are the tests' own."""

    urls: Urls
    data: Path


@contextlib.contextmanager
def parts_for_tests(settings: Settings | None = None) -> Iterator[Running]:
    """Run parts for as long as the block lasts; those that the environment names are used as they are."""
    settings = settings or load()
    with fresh_data() as data, running_parts(data, settings=settings) as urls:
        if settings.database_url is None:
            _write_without_waiting(urls.admin_url)
        yield Running(urls=urls, data=data)


@contextlib.contextmanager
def fresh_data() -> Iterator[Path]:
    """Answer a data directory for one stack, removed after the block.

    Not below pytest's own temporary directory: that is closed to the system user that root's PostgreSQL runs as, and a
    second pytest closes it again while this one runs.
    """
    with tempfile.TemporaryDirectory(prefix="ticketbus-test-") as directory:
        yield Path(directory)


def _write_without_waiting(url: str) -> None:
    """Let a server of the tests' own wait for no disk; the fault tests' servers, which are killed, do."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in _UNSAFE.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")
