"""The parts' log files, kept from growing for ever."""

import shutil
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 16 * 1024 * 1024


def bound(directory: Path, *, bytes_max: int = BYTES_MAX) -> None:
    """Move what is in a log that grew too large to `NAME.1` and empty it. Idempotent.

    The writers keep their file open in append mode, so it is emptied in place; lines written in between are lost.
    """
    for path in directory.glob("*.log"):
        if path.stat().st_size > bytes_max:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            with path.open("r+b") as file:
                file.truncate(0)
