"""The replication slot of a backup that follows: the server keeps WAL for it while its receiver is away, to a limit."""

import secrets
from pathlib import Path
from typing import Final, LiteralString

import psycopg

from bus.backup.failures import BackupFailed

FILE: Final = "slot"
_PREFIX: Final = "ticketbus_backup_"
_LIMIT: LiteralString = "SELECT current_setting('max_slot_wal_keep_size')"
_DROP: LiteralString = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE starts_with(slot_name, %s) AND slot_name <> %s AND NOT active"""


def of_backup(url: str, wal: Path) -> str:
    """Name the slot of a backup, as its folder remembers it; those of earlier ones without a receiver are dropped.

    Raises BackupFailed where a receiver that stays away would fill the server's disk.
    """
    file = wal / FILE
    if not file.exists():
        file.write_text(f"{_PREFIX}{secrets.token_hex(6)}\n", encoding="utf-8")
    name = file.read_text(encoding="utf-8").strip()
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            ((limit,),) = connection.execute(_LIMIT).fetchall()
            if limit == "-1":
                raise BackupFailed(
                    "max_slot_wal_keep_size of the server has no limit: an absent receiver would fill its disk; "
                    "set it to what may be kept, such as 10GB, and reload"
                )
            connection.execute(_DROP, (_PREFIX, name))
    except psycopg.Error as error:
        raise BackupFailed(f"the server's replication slots cannot be managed: {type(error).__name__}") from error
    return name
