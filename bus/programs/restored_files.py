"""Uploaded files after PostgreSQL was restored: put back from the backup where they are gone, then read."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bus.app import Core
from bus.backup.failures import NotThatStore
from bus.backup.manifest import FILES, Manifest
from bus.backup.uploads import copy_new, store_id
from bus.files.errors import FilesAway
from bus.files.stores import store_of
from bus.files.verify import FilesReport, check_files, named_files
from bus.settings import SettingsInvalid, files_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredFiles:
    """Uploaded files after a restore: how many the backup gave back, and what the store has; `why`: it is not known."""

    put_back: int = 0
    report: FilesReport | None = None
    why: str = ""

    @property
    def whole(self) -> bool:
        """Say that every file that tickets name is there."""
        return self.report is not None and not self.report.wrong


async def restore_files(core: Core, backup: Path, made: Manifest) -> RestoredFiles:
    """Put back the files that tickets name and their directory lacks, and read all; what is in the way is said.

    What tickets name no more, as what was erased, stays in the backup. Raises StoreUnavailable.
    """
    root, put_back = files_dir(core.settings), 0
    since = made.log.last_recorded_at or made.begun_at
    try:
        if root and made.uploads and store_id(backup / FILES):
            wanted = await named_files(core.pool, since)
            put_back = await asyncio.to_thread(copy_new, backup / FILES, root, wanted)
        report = await check_files(core.pool, store_of(core.settings), since)
    except (NotThatStore, FilesAway, SettingsInvalid, OSError) as error:
        return RestoredFiles(put_back=put_back, why=str(error))
    return RestoredFiles(put_back=put_back, report=report)
