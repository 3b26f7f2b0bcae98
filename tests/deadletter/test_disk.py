"""The marks of a disk: reached at their percent, left well below it, and never at a disk with room to spare."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deadletter.disk import Disk, DiskMarks, DiskReading, Mark, judged, mark_of

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MARKS = DiskMarks()
ORDER = [*Mark]
READING = DiskReading(
    host="kafka-1", path="/data", role="broker", origin="watch", read_at=NOW, total_bytes=1e12, used_bytes=8e11
)


@pytest.mark.parametrize(
    ("before", "share", "mark"),
    [
        (Mark.NONE, 74.9, Mark.NONE),
        (Mark.NONE, 75, Mark.WARN),
        (Mark.WARN, 72.1, Mark.WARN),
        (Mark.WARN, 71.9, Mark.NONE),
        (Mark.WARN, 84.9, Mark.WARN),
        (Mark.NONE, 85, Mark.HIGH),
        (Mark.HIGH, 82, Mark.HIGH),
        (Mark.HIGH, 81.9, Mark.WARN),
        (Mark.HIGH, 90, Mark.FLOOR),
        (Mark.FLOOR, 85, Mark.FLOOR),
        (Mark.FLOOR, 84.9, Mark.HIGH),
        (Mark.FLOOR, 10, Mark.NONE),
    ],
)
def test_mark_is_reached_at_its_percent_and_left_below_it(before: Mark, share: float, mark: Mark) -> None:
    assert mark_of(share, 1e9, before, MARKS) is mark


@given(st.lists(st.floats(88.1, 91.9), min_size=2, max_size=50))
def test_mark_does_not_flap_around_the_floor(shares: list[float]) -> None:
    marks = [Mark.NONE]
    for share in shares:
        marks.append(mark_of(share, 1e9, marks[-1], MARKS))
    assert all(ORDER.index(later) >= ORDER.index(sooner) for sooner, later in pairwise(marks[1:]))


def test_mark_of_a_disk_with_room_to_spare_is_none_and_of_one_with_too_little_left_the_floor() -> None:
    roomy = replace(MARKS, headroom_bytes=20e9)
    assert mark_of(96, 21e9, Mark.NONE, roomy) is Mark.NONE
    assert mark_of(96, 19e9, Mark.NONE, roomy) is Mark.FLOOR
    assert mark_of(96, 21e9, Mark.FLOOR, roomy) is Mark.FLOOR, "not left at once"
    least = replace(MARKS, floor_bytes=2e9)
    assert mark_of(50, 1.9e9, Mark.NONE, least) is Mark.FLOOR
    assert mark_of(50, 2.3e9, Mark.FLOOR, least) is Mark.FLOOR
    assert mark_of(50, 2.5e9, Mark.FLOOR, least) is Mark.NONE


def test_judged_by_the_marks_of_its_role_and_by_its_inodes() -> None:
    marks = {"": MARKS, "broker": replace(MARKS, warn=60, high=70, floor=80)}
    assert judged(READING, None, marks, NOW).mark is Mark.FLOOR
    assert judged(replace(READING, role="crm"), None, marks, NOW).mark is Mark.WARN
    full = judged(replace(READING, used_bytes=0, inodes_total=100, inodes_free=5), None, marks, NOW)
    assert (full.mark, full.inode_mark) == (Mark.NONE, Mark.FLOOR)
    unknown = judged(replace(READING, total_bytes=0.0), None, marks, NOW)
    assert (unknown.mark, unknown.inode_mark) == (Mark.NONE, Mark.NONE)


def test_judged_silence_counts_only_while_somebody_looks() -> None:
    def looked(before: Disk, after: timedelta) -> Disk:
        return judged(READING, before, {}, before.judged_at + after)

    disk = judged(READING, None, {}, NOW)
    for _ in range(10):
        disk = looked(disk, 5 * SECOND)
    assert disk.silent_for == 50 * SECOND
    assert judged(replace(READING, read_at=NOW + SECOND), disk, {}, disk.judged_at).silent_for == timedelta(0)
    assert looked(disk, timedelta(hours=1)).silent_for == timedelta(0), "no worker looked for an hour"
