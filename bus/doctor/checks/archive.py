"""The archive: whether each file of archived months lies here, with the bytes that were written."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bus.archive.reader import archived_files
from bus.doctor.diagnosis import Check, Diagnosis, Examined
from bus.postgres.pool import in_transaction
from bus.settings import archive_dir

NAME: Final = "archive"
_MEND: Final = "put it back, or set TICKETBUS_ARCHIVE_DIR; then `ticketbus archive verify`"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReading:
    """A file: bytes as they were written and as they lie there now, None where it cannot be read."""

    path: Path
    written: int
    found: int | None
    why: str = ""


async def _read(examined: Examined) -> Sequence[FileReading]:
    files = await in_transaction(examined.database, archived_files)
    folder = archive_dir(examined.settings)
    return await asyncio.to_thread(lambda: [_look(folder / one.file, one.bytes) for one in files])


def _look(path: Path, written: int) -> FileReading:
    try:
        with path.open("rb") as file:
            file.read(1)
        return FileReading(path=path, written=written, found=path.stat().st_size)
    except OSError as error:
        return FileReading(path=path, written=written, found=None, why=error.strerror or type(error).__name__)


def judge(files: Sequence[FileReading]) -> Sequence[Diagnosis]:
    """Name the files that are missing, unreadable or of another size. Pure."""
    wrong = [
        Diagnosis(
            check=NAME,
            verdict="wrong",
            says=f"{one.path}: {one.why or f'{one.found:,} bytes, {one.written:,} were written'}",
            mend=_MEND,
            evidence={"written": one.written, "found": one.found},
        )
        for one in files
        if one.found != one.written
    ]
    held = sum(one.written for one in files)
    says = f"{len(files)} files of archived months, {held / 2**20:,.0f} MiB" if files else "no month is archived"
    return wrong or [Diagnosis(check=NAME, verdict="ok", says=says, evidence={"files": len(files), "bytes": held})]


CHECK: Final = Check(name=NAME, read=_read, judge=judge)
