"""A worker that is killed leaves nothing behind on the disk, however often."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on, eventually

KILLS = 2


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs yet."""
    with bus_on(parts, tmp_path) as made:
        yield made


async def test_killed_worker_leaves_no_directory_of_its_own(bus: Bus) -> None:
    scratch = bus.folder / "scratch"
    scratch.mkdir()
    bus.environment["TMPDIR"] = str(scratch)
    for kills in range(KILLS):
        bus.start("worker", "--stages", "projections,delivery")

        async def started(wanted: int = 2 * (kills + 1)) -> bool:
            return bus.log_of("worker").count('"stage_started"') == wanted

        await eventually(started, what=lambda: bus.log_of("worker")[-2000:])
        bus.stop("worker", signal.SIGKILL)
        bus.end_sessions()
    assert list(scratch.iterdir()) == []
