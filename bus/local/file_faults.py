"""What keeps uploaded files from being taken or deleted, as the running stack's database has it."""

from dataclasses import dataclass
from typing import Final

from bus.domain.text import Text
from bus.local.running_database import read_rows, running_database
from bus.local.state import StackState

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
    faults, undeleted = read_rows(url, _FAULTS, _UNDELETED)
    says = [
        Text(f"{count} 个文件无法删除", f"{count} files cannot be deleted, for one: {failure}")
        for count, failure in undeleted
        if count
    ]
    return [FilesFault(files=str(one)) for one in (*(fault for (fault,) in faults), *says)]
