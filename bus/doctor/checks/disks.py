"""Disks: of brokers, of the database, of every host with a watch, and of this host's data directory."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from socket import gethostname
from typing import Final

from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.doctor.places import database_is_here
from bus.postgres.pool import in_transaction
from deadletter.disk import Disk, Mark
from deadletter.disk_store import all_disks

NAME: Final = "disks"
SILENT_AFTER: Final = timedelta(minutes=1)
SOON: Final = timedelta(days=7)
GIB: Final = 1024**3
FREE_MIN: Final = 2 * GIB
_WATCH: Final = "ticketbus watch --role {role} --path DIRECTORY   # on that host"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskReadings:
    """Disks as a worker judged them last, and what is free here, in bytes. `database_here`: it is on this host."""

    disks: Sequence[Disk]
    now: datetime
    host: str
    database_here: bool
    path: str
    free_bytes: int


async def _read(examined: Examined) -> DiskReadings:
    data = examined.settings.data
    there = next(each for each in (data, *data.parents) if each.exists())
    return DiskReadings(
        disks=await in_transaction(examined.database, all_disks),
        now=examined.now,
        host=gethostname(),
        database_here=database_is_here(examined.settings),
        path=str(there),
        free_bytes=shutil.disk_usage(there).free,
    )


def judge(found: DiskReadings) -> Sequence[Diagnosis]:
    """Judge each disk, and say which of those that matter nobody reads. Pure."""
    return [_own(found), *(_judged(one, found.now) for one in found.disks if one.total_bytes), *_unread(found)]


def _own(found: DiskReadings) -> Diagnosis:
    says, evidence = f"{found.free_bytes / GIB:.1f} GiB free at {found.path}, here", {"free_bytes": found.free_bytes}
    if found.free_bytes >= FREE_MIN:
        return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)
    return Diagnosis(check=NAME, verdict="wrong", says=says, mend="make room, or set TICKETBUS_DATA", evidence=evidence)


def _judged(one: Disk, now: datetime) -> Diagnosis:
    full = one.likely_at
    says = f"{one.host} {one.path}: {one.free_bytes / GIB:.1f} of {one.total_bytes / GIB:.1f} GiB free"
    says += f", full about {full:%Y-%m-%d %H:%M} UTC" if full else ""
    evidence = {
        "free_bytes": round(one.free_bytes),
        "total_bytes": round(one.total_bytes),
        "growth_bytes_a_day": round(86_400 * one.growth),
        "mark": max((one.mark, one.inode_mark), key=[*Mark].index).value,
    }
    mend = "docs/watching.md#at-the-floor"
    if max(one.silent_for, now - one.judged_at) > SILENT_AFTER:
        says = f"{one.host} {one.path}: not read since {one.read_at:%Y-%m-%d %H:%M:%S} UTC"
        return Diagnosis(check=NAME, verdict="unseen", says=says, mend=f"start its watch; {_WATCH.format(role='ROLE')}")
    if one.read_only:
        return Diagnosis(check=NAME, verdict="wrong", says=f"{says}: read-only", mend=mend, evidence=evidence)
    if Mark.FLOOR in (one.mark, one.inode_mark) or (full and full - now < SOON):
        return Diagnosis(check=NAME, verdict="wrong", says=says, mend=mend, evidence=evidence)
    if one.mark or one.inode_mark or full:
        return Diagnosis(check=NAME, verdict="note", says=says, mend=mend, evidence=evidence)
    return Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)


def _unread(found: DiskReadings) -> Sequence[Diagnosis]:
    missing = []
    if not any(one.origin == "broker" or one.role == "broker" for one in found.disks):
        missing.append(("the brokers' disks", "broker"))
    here = found.database_here and any(one.origin == "watch" and one.host == found.host for one in found.disks)
    if not here and not any(one.origin == "watch" and one.role == "database" for one in found.disks):
        missing.append(("PostgreSQL's disk", "database"))
    return [
        Diagnosis(check=NAME, verdict="unseen", says=f"{what}: nobody reads how full", mend=_WATCH.format(role=role))
        for what, role in missing
    ]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
