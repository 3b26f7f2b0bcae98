"""The parts that tests run on: those named by the environment, else a local stack of the tests' own."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bus.local.stack import Urls, running_parts
from bus.settings import load


@contextlib.contextmanager
def parts_for_tests() -> Iterator[Urls]:
    """Answer running parts for as long as the block lasts; those that the environment names are used as they are."""
    with fresh_data() as data, running_parts(data, settings=load()) as urls:
        yield urls


@contextlib.contextmanager
def fresh_data() -> Iterator[Path]:
    """Answer a data directory for one stack, removed after the block.

    Not below pytest's own temporary directory: that is closed to the system user that root's PostgreSQL runs as, and a
    second pytest closes it again while this one runs.
    """
    with tempfile.TemporaryDirectory(prefix="ticketbus-test-") as directory:
        yield Path(directory)
