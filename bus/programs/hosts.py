"""Hosts and their disks as they were last read and judged: for `ticketbus hosts`, HTTP and the console alike."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.gateway.routes.hosts import DiskAnswer
from bus.postgres.pool import Pool, in_transaction
from deadletter.disk import Disk
from deadletter.disk_store import all_disks
from projections.hosts import last_readings
from schemas.messages import HostRead

SILENT_AFTER: Final = timedelta(minutes=1)  # six readings


async def read_hosts(pool: Pool) -> tuple[list[HostRead], list[Disk]]:
    """Read the last reading of each path, and every disk as it was judged. Raises StoreUnavailable."""
    return await last_readings(pool), await in_transaction(pool, all_disks)


async def disks_of_hosts(pool: Pool, now: datetime) -> list[DiskAnswer]:
    """Give what is known of each disk. Raises StoreUnavailable."""
    return disk_answers(*await read_hosts(pool), now)


def disk_answers(readings: Sequence[HostRead], disks: Sequence[Disk], now: datetime) -> list[DiskAnswer]:
    """Give the disks that are watched, and below them those that brokers name, and the database. Pure."""
    judged = {(one.host, one.path): one for one in disks}
    watched = [_watched(one, judged.get((one.host, one.path)), now) for one in readings]
    return watched + [_other(one) for one in disks if one.origin != "watch"]


def is_silent(one: HostRead, now: datetime) -> bool:
    """Say whether no reading of a path came for a minute. Pure."""
    return now - one.read_at > SILENT_AFTER


def _watched(one: HostRead, disk: Disk | None, now: datetime) -> DiskAnswer:
    used = max(0.0, one.disk_total_bytes - one.disk_free_bytes)
    return DiskAnswer(
        host=one.host,
        path=one.path,
        role=one.role,
        origin="watch",
        read_at=one.read_at,
        silent=is_silent(one, now),
        clock_ahead=one.read_at - now > SILENT_AFTER,
        read_only=one.read_only,
        total_bytes=one.disk_total_bytes or None,
        free_bytes=one.disk_free_bytes if one.disk_total_bytes else None,
        used_bytes=used,
        used_percent=round(100 * used / one.disk_total_bytes, 1) if one.disk_total_bytes else None,
        memory_free_bytes=one.memory_free_bytes,
        mark=disk.mark.value if disk else "",
        inode_mark=disk.inode_mark.value if disk else "",
        growth_bytes_a_day=86_400 * disk.growth if disk else None,
        earliest_full_at=disk.earliest_at if disk else None,
        likely_full_at=disk.likely_at if disk else None,
    )


def _other(disk: Disk) -> DiskAnswer:
    return DiskAnswer(
        host=disk.host,
        path=disk.path,
        role=disk.role,
        origin="broker" if disk.origin == "broker" else "database",
        read_at=disk.read_at,
        silent=disk.silent_for > SILENT_AFTER,
        clock_ahead=False,
        read_only=disk.read_only,
        total_bytes=disk.total_bytes or None,
        free_bytes=disk.free_bytes if disk.total_bytes else None,
        used_bytes=disk.used_bytes,
        used_percent=round(disk.share, 1) if disk.total_bytes else None,
        memory_free_bytes=None,
        mark=disk.mark.value,
        inode_mark=disk.inode_mark.value,
        growth_bytes_a_day=86_400 * disk.growth,
        earliest_full_at=disk.earliest_at,
        likely_full_at=disk.likely_at,
    )
