"""A running bus for the end-to-end tests: gateway and worker as processes, on the session's parts."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs yet."""
    with bus_on(parts, tmp_path) as made:
        yield made


@pytest.fixture(scope="package")
def shared_bus(parts: Urls) -> Iterator[Bus]:
    """Run one gateway and one worker for the tests that leave them alone."""
    with tempfile.TemporaryDirectory(prefix="ticketbus-e2e-") as folder, bus_on(parts, Path(folder)) as made:
        made.start("gateway")
        made.start("worker")
        yield made
        for program in ("worker", "gateway"):
            assert made.stop(program) == 0, made.log_of(program)[-2000:]


@pytest.fixture
async def running(shared_bus: Bus) -> Bus:
    """Wait until the shared bus answers."""
    await shared_bus.ready()
    return shared_bus
