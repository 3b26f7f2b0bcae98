"""What keeps uploaded files from being taken or deleted, as the running stack's database has it."""

from dataclasses import dataclass
from typing import Final

import psycopg

from bus.domain.text import Text
from bus.local.state import StackState
from bus.local.stopped_stages import CONNECT_S, running_database

# A gateway looks twice a minute.
_FAULTS: Final = "SELECT fault FROM file_store WHERE fault_at > now() - interval '2 minutes'"
_UNDELETED: Final = "SELECT count(*), min(delete_failure) FROM files WHERE delete_failure IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesFault:
    """Why files are not taken or not deleted."""

    files: str


def of_stack(state: StackState | None) -> list[FilesFault]:
    """Read them of a running stack; of one that does not run there are none."""
    url = running_database(state)
    return file_faults(url) if url else []


def file_faults(url: str) -> list[FilesFault]:
    """Read them; none while the database is away or not prepared, which others say. Blocks for seconds at most."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_S) as connection:
            faults = [FilesFault(files=fault) for (fault,) in connection.execute(_FAULTS)]
            ((count, failure),) = connection.execute(_UNDELETED).fetchall()
    except psycopg.Error:
        return []
    if not count:
        return faults
    says = Text(f"{count} 个文件无法删除", f"{count} files cannot be deleted, for one: {failure}")
    return [*faults, FilesFault(files=str(says))]
