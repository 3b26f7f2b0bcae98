"""A disk as it was read and judged: which mark holds, by how much is used and by which mark held before. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Final

HYSTERESIS: Final = 3.0  # percent of the disk
HEADROOM_HYSTERESIS: Final = 1.1
FLOOR_HYSTERESIS: Final = 1.2
GAP: Final = timedelta(seconds=15)  # between two looks: longer, and nobody knows what came meanwhile


class Mark(StrEnum):
    """How full a disk is; at its floor nothing more is written to it that can wait."""

    NONE = ""
    WARN = "warn"
    HIGH = "high"
    FLOOR = "floor"


_RANK: Final = {mark: rank for rank, mark in enumerate(Mark)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskMarks:
    """From which percent used each mark holds. `floor_bytes`: with less free it is the floor, whatever the percent is.

    `headroom_bytes`: with so much free none holds.
    """

    warn: float = 75.0
    high: float = 85.0
    floor: float = 90.0
    floor_bytes: float = 0.0
    headroom_bytes: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskReading:
    """A disk as it was read, in bytes; `total_bytes` 0: nobody knows its size. `origin`: watch, broker or database."""

    host: str
    path: str
    role: str
    origin: str
    read_at: datetime
    total_bytes: float
    used_bytes: float
    inodes_total: int = 0
    inodes_free: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk(DiskReading):
    """A disk's last reading, as it was judged.

    `seen_at`: when another reading was last there, `judged_at`: when somebody last looked, both by PostgreSQL's clock.
    `growth`: bytes a second. `earliest_at` and `likely_at`: full, by the forecast. `targets`: those on its host, for
    which `backlog` deliveries wait.
    """

    seen_at: datetime
    judged_at: datetime
    mark: Mark = Mark.NONE
    inode_mark: Mark = Mark.NONE
    growth: float = 0.0
    sampled_at: datetime | None = None
    earliest_at: datetime | None = None
    likely_at: datetime | None = None
    targets: Sequence[str] = ()
    backlog: int = 0

    @property
    def share(self) -> float:
        """Give the percent of it that is used; 0 where nobody knows its size."""
        return 100 * self.used_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def inode_share(self) -> float:
        """Give the percent of its inodes that is used."""
        return 100 * (self.inodes_total - self.inodes_free) / self.inodes_total if self.inodes_total else 0.0

    @property
    def free_bytes(self) -> float:
        """Give what is free."""
        return max(0.0, self.total_bytes - self.used_bytes)

    @property
    def silent_for(self) -> timedelta:
        """Give for how long no reading came while somebody looked."""
        return self.judged_at - self.seen_at


def mark_of(share: float, free: float, before: Mark, marks: DiskMarks) -> Mark:
    """Give the highest mark that holds at `share` percent used, with `free` bytes free.

    One that held before goes 3 points below it, the floor below the mark under it.
    """
    if free > marks.headroom_bytes * (HEADROOM_HYSTERESIS if before else 1):
        return Mark.NONE
    if free < marks.floor_bytes * (FLOOR_HYSTERESIS if before is Mark.FLOOR else 1):
        return Mark.FLOOR
    reached = {Mark.FLOOR: marks.floor, Mark.HIGH: marks.high, Mark.WARN: marks.warn}
    left = {Mark.FLOOR: marks.high, Mark.HIGH: marks.high - HYSTERESIS, Mark.WARN: marks.warn - HYSTERESIS}
    held = (one for one in reached if share >= (left if _RANK[before] >= _RANK[one] else reached)[one])
    return next(held, Mark.NONE)


def judged(reading: DiskReading, before: Disk | None, marks: Mapping[str, DiskMarks], now: datetime) -> Disk:
    """Judge a reading by the marks of its role, those under an empty name where it has none."""
    fields = {name: getattr(reading, name) for name in DiskReading.__dataclass_fields__}
    looked = before is not None and now - before.judged_at <= GAP
    if before is None:
        disk = Disk(**fields, seen_at=now, judged_at=now)
    else:
        came = not looked or reading.read_at != before.read_at
        disk = replace(before, **fields, seen_at=now if came else before.seen_at, judged_at=now)
    own = marks.get(reading.role) or marks.get("") or DiskMarks()
    of_inodes = replace(own, floor_bytes=0.0, headroom_bytes=inf)
    return replace(
        disk,
        mark=mark_of(disk.share, disk.free_bytes, disk.mark, own) if disk.total_bytes else Mark.NONE,
        inode_mark=mark_of(disk.inode_share, 0.0, disk.inode_mark, of_inodes),
    )
