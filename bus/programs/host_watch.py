"""Watches the host it runs on: a sign of life and the readings of its disks, every few seconds."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import psutil
import structlog

from bus.domain.errors import Transient
from bus.programs.ballast import hold
from deadletter.disk import DiskMarks
from schemas.messages import HostRead

PERIOD_S = 10.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedHost:
    """A host as its readings name it: what it is for, and the directories whose disks are read.

    `ballast_bytes` are held back on each disk until it is at its floor, by these marks.
    """

    name: str
    role: str
    paths: Sequence[Path]
    ballast_bytes: int = 0
    marks: DiskMarks = field(default_factory=DiskMarks)


def read_disk(host: WatchedHost, path: Path, at: datetime) -> HostRead:
    """Read the disk that holds `path` and the memory; blocks for a moment. Raises OSError for a path that is not there.

    Its size is what programs without root can use, as `df` counts: what is kept for root is never theirs.
    """
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    return HostRead(
        host=host.name,
        read_at=at,
        path=str(path),
        disk_total_bytes=float((disk.f_blocks - disk.f_bfree) * disk.f_frsize + free),
        disk_free_bytes=float(free),
        memory_free_bytes=float(psutil.virtual_memory().available),
        role=host.role,
        inodes_total=disk.f_files - disk.f_ffree + disk.f_favail,
        inodes_free=disk.f_favail,
        read_only=bool(disk.f_flag & os.ST_RDONLY),
    )


def read_host(host: WatchedHost, at: datetime) -> Iterator[HostRead]:
    """Read all its disks; one that cannot be read is logged, and falls silent."""
    for path in host.paths:
        try:
            yield read_disk(host, path, at)
        except OSError as error:
            log.error("path_not_read", path=str(path), error=error.strerror)


class ReadingsSink(Protocol):
    """Where readings go."""

    async def send(self, readings: Sequence[HostRead]) -> None:
        """Have readings taken. Raises Transient when that fails for now."""
        ...

    async def close(self) -> None:
        """Close connections; idempotent."""
        ...


async def watch(sink: ReadingsSink, host: WatchedHost, now: Callable[[], datetime]) -> None:
    """Send readings every 10 s until cancelled; while they are not taken those of that time are given up."""
    try:
        while True:
            readings = [*read_host(host, now())]
            for one in readings if host.ballast_bytes else ():
                await asyncio.to_thread(hold, Path(one.path), one, host.ballast_bytes, host.marks)
            try:
                await sink.send(readings)
            except Transient as error:
                log.warning("reading_not_sent", cause=str(error))
            await asyncio.sleep(PERIOD_S)
    finally:
        await sink.close()
