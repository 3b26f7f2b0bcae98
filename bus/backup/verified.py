"""The newest backup that was verified, in PostgreSQL: how far it restores to, and how old that may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.backup.failures import BackupFailed
from bus.backup.manifest import Manifest
from bus.domain.text import Text
from bus.domain.time_text import WITH_THE_YEAR, time_text
from bus.postgres.pool import Connection, Pool, in_transaction, read_rows

DECLARE_EVERY_S: Final = 3600.0
_READ: LiteralString = """
SELECT prepared_at, age_max, place, restorable_until, verified_at, damage FROM verified_backup"""
_SYSTEM: LiteralString = "SELECT system_identifier::text FROM pg_control_system()"
# An older backup replaces a newer one only where that is damaged, or was replaced itself.
_NOTE: LiteralString = """
UPDATE verified_backup SET place = %(place)s, restorable_until = %(until)s, verified_at = now(), damage = ''
WHERE restorable_until IS NULL OR restorable_until <= %(until)s OR damage <> '' OR place = %(place)s"""
_DAMAGED: LiteralString = "UPDATE verified_backup SET damage = %s WHERE place = %s"
_DECLARE: LiteralString = "UPDATE verified_backup SET age_max = %(age)s WHERE age_max <> %(age)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBackup:
    """What is known of backups; `prepared_at`: since when they are noted at all. `age_max` of 0: none is asked for."""

    prepared_at: datetime
    age_max: timedelta
    place: str = ""
    restorable_until: datetime | None = None
    verified_at: datetime | None = None
    damage: str = ""


def wrong_with(last: VerifiedBackup, now: datetime) -> Text | None:
    """Say why a loss of PostgreSQL would cost more than it may; None where it would not. Pure."""
    if not last.age_max:
        return None
    if last.damage:
        return Text(
            f"最近核验过的备份 {last.place} 已损坏:{last.damage}",
            f"the newest backup that was verified, {last.place}, is damaged: {last.damage}",
        )
    until = last.restorable_until
    if now - (until or last.prepared_at) <= last.age_max:
        return None
    at, days = time_text(until or last.prepared_at, WITH_THE_YEAR), f"{last.age_max / timedelta(days=1):g}"
    if until is None:
        return Text(f"自 {at.zh} 起没有任何备份通过核验", f"no backup has been verified since {at.en}")
    return Text(
        f"最近核验过的备份 {last.place} 只能恢复到 {at.zh},早于 {days} 天前",
        f"the newest backup that was verified, {last.place}, restores to {at.en}: more than {days} days ago",
    )


async def read_verified(connection: Connection) -> VerifiedBackup:
    """Read what is known."""
    [found] = await read_rows(connection, _READ, VerifiedBackup)
    return found


async def note_verified(connection: Connection, made: Manifest, place: str, until: datetime) -> None:
    """Write that a backup is whole and restores to a time. Raises BackupFailed where it is not this database's."""
    ((system,),) = await (await connection.execute(_SYSTEM)).fetchall()
    if made.postgres is None:
        raise BackupFailed("it is without PostgreSQL, whose own backups nobody sees here")
    if made.postgres.system_identifier != system:
        raise BackupFailed("it is of another PostgreSQL than DATABASE_URL names")
    await connection.execute(_NOTE, {"place": place, "until": until})


async def note_damage(connection: Connection, place: str, damage: str) -> None:
    """Write that a backup is damaged, if it is the one that counts."""
    await connection.execute(_DAMAGED, (damage, place))


async def declare_age_max(pool: Pool, age_max: timedelta) -> None:
    """Write how old a backup may be by these settings. Raises StoreUnavailable."""
    await in_transaction(pool, _declare, age_max)


async def _declare(connection: Connection, age_max: timedelta) -> None:
    await connection.execute(_DECLARE, {"age": age_max})
