"""The ballast of a disk: there while there is room, freed at the floor, made again only well below it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bus.programs.ballast import NAME, hold, wanted
from deadletter.disk import DiskMarks
from schemas.messages import HostRead

MIB = 1024**2
MARKS = DiskMarks()


def used(percent: float) -> HostRead:
    """Make a reading of a disk of 1000 MiB."""
    return HostRead(
        host="db-1",
        read_at=datetime(2026, 11, 28, tzinfo=UTC),
        path="/data",
        disk_total_bytes=1000.0 * MIB,
        disk_free_bytes=(1000 - 10 * percent) * MIB,
        memory_free_bytes=0.0,
    )


@pytest.mark.parametrize(
    ("percent", "there", "keeps"),
    [(50, False, True), (50, True, True), (89, True, True), (90, True, False), (89, False, False), (84, False, False)],
)
def test_ballast_is_freed_at_the_floor_and_not_made_near_the_high_mark(percent: int, there: bool, keeps: bool) -> None:
    assert wanted(used(percent), 20 * MIB, there=there, marks=MARKS) is keeps


def test_ballast_takes_its_room_on_the_disk_and_gives_it_back(tmp_path: Path) -> None:
    file = tmp_path / NAME
    hold(tmp_path, used(50), 2 * MIB, MARKS)
    assert file.stat().st_blocks * 512 >= 2 * MIB
    hold(tmp_path, used(91), 2 * MIB, MARKS)
    assert not file.exists()
    hold(tmp_path / "away", used(50), 2 * MIB, MARKS)
    assert not (tmp_path / "away").exists()
