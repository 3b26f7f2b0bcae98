"""The WAL that was received after a base backup: its segments in order, and whether one is missing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bus.backup import manifest
from bus.backup.manifest import Manifest

PARTIAL: Final = ".partial"
_SEGMENT: Final = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?")
_SEGMENT_BYTES: Final = 16 * 1024 * 1024  # as PostgreSQL is built; a cluster of another size is not checked
_SEGMENTS_A_FILE: Final = 0x100000000 // _SEGMENT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Segment:
    """A file of the WAL: the segment's number counts from the cluster's beginning; the last may be a part of one."""

    number: int
    timeline: int
    path: Path


def segments(folder: Path) -> list[Segment]:
    """List what was received, in order; of a segment that is there whole its earlier part is left out."""
    found: dict[tuple[int, int], Segment] = {}
    for path in sorted((folder / manifest.WAL).glob("*")):
        if name := _SEGMENT.fullmatch(path.name):
            timeline, high, low = (int(one, 16) for one in name.groups()[:3])
            number = high * _SEGMENTS_A_FILE + low
            found.setdefault((timeline, number), Segment(timeline=timeline, number=number, path=path))
    return sorted(found.values())


def wal_faults(folder: Path, made: Manifest) -> list[str]:
    """Name what is missing between the base backup and the last segment received. Empty: nothing, or none was."""
    received = segments(folder)
    if not received or made.postgres is None:
        return []
    numbers = {one.number for one in received}
    begin = _number_of(made.postgres.end_lsn)
    absent = [one for one in range(begin, received[-1].number) if one not in numbers]
    return (
        [f"{manifest.WAL}: segment {absent[0]} is missing ({len(absent)} in all): take a new backup"] if absent else []
    )


def received_until(received: Sequence[Segment]) -> datetime | None:
    """Give when the last piece was written; None where nothing was received."""
    return datetime.fromtimestamp(received[-1].path.stat().st_mtime, UTC) if received else None


def _number_of(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32 | int(low, 16)) // _SEGMENT_BYTES
