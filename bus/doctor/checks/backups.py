"""Backups: how far the newest that was verified restores to, against how old that may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.backup.verified import VerifiedBackup, read_verified, wrong_with
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.pool import in_transaction

NAME: Final = "backups"
_MEND: Final = "ticketbus backup DIR; ticketbus backup DIR --verify   # docs/backup.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReading:
    """What is known of backups, and when that was read."""

    last: VerifiedBackup
    now: datetime


async def _read(examined: Examined) -> BackupReading:
    return BackupReading(last=await in_transaction(examined.database, read_verified), now=examined.now)


def judge(found: BackupReading) -> Sequence[Diagnosis]:
    """Judge the age; nobody who asks for no backup is told that all is well. Pure."""
    last, until = found.last, found.last.restorable_until
    if not last.age_max:
        says = "TICKETBUS_BACKUP_AGE_MAX is PT0S: nobody looks whether there is a backup"
        return [Diagnosis(check=NAME, verdict="note", says=says, mend="docs/backup.md#know-that-there-is-one")]
    evidence = {"age_days_max": last.age_max / timedelta(days=1)}
    if until:
        evidence["age_days"] = round((found.now - until) / timedelta(days=1), 1)
    if why := wrong_with(last, found.now):
        return [Diagnosis(check=NAME, verdict="wrong", says=why.en, mend=_MEND, evidence=evidence)]
    if until is None:
        says = "no backup has been verified yet"
        return [Diagnosis(check=NAME, verdict="note", says=says, mend=_MEND, evidence=evidence)]
    says = f"{last.place} restores to {until:%Y-%m-%d %H:%M} UTC, verified {last.verified_at:%Y-%m-%d %H:%M} UTC"
    return [Diagnosis(check=NAME, verdict="ok", says=says, evidence=evidence)]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
