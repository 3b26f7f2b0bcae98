"""A file that holds room back on a disk: freed at the floor, so that what must go on can still be written."""

import os
from pathlib import Path
from typing import Final

import structlog

from deadletter.disk import DiskMarks, Mark, mark_of
from schemas.messages import HostRead

NAME: Final = ".ticketbus-ballast"
log = structlog.get_logger()


def wanted(reading: HostRead, size: int, *, there: bool, marks: DiskMarks) -> bool:
    """Say whether the ballast is to lie there: not at the floor, and anew only where it leads to no high mark. Pure."""
    total, free = reading.disk_total_bytes, reading.disk_free_bytes
    if not total:
        return there
    if there:
        return mark_of(100 * (total - free) / total, free, Mark.NONE, marks) is not Mark.FLOOR
    return free > size and 100 * (total - free + size) / total < marks.high


def hold(path: Path, reading: HostRead, size: int, marks: DiskMarks) -> None:
    """Make or free the ballast of a disk, as its reading wants; blocks. What cannot be done is logged."""
    file = path / NAME
    there = file.exists()
    keeps = wanted(reading, size, there=there, marks=marks)
    if keeps == there:
        return
    try:
        if not keeps:
            file.unlink()
            log.error("ballast_freed", path=str(path), bytes=size)
            return
        with file.open("wb") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)
        log.info("ballast_made", path=str(path), bytes=size)
    except OSError as error:
        log.error("ballast_not_changed", path=str(path), error=error.strerror)
        if keeps:
            file.unlink(missing_ok=True)
