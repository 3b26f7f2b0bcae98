"""Reads the rows of files that are dropped in a directory, and moves each file away once its rows are taken in."""

import csv
import json
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from python_calamine import CalamineError, CalamineWorkbook

from adapters.mapped.transports import DroppedFiles
from bus.domain.errors import BusError
from bus.domain.text import Text

DONE: Final = "done"
FAILED: Final = "failed"
LINE_BYTES_MAX: Final = 1_048_576


class FileUnreadable(BusError):
    """A file cannot be read as its map says; the text says how it seems to be written."""


def waiting(dropped: DroppedFiles, now: float | None = None) -> list[Path]:
    """List the files that nobody writes any more, the oldest first. Raises FileUnreadable for the directory."""
    now = time.time() if now is None else now
    try:
        found = [
            (one.stat().st_mtime, one)
            for one in dropped.directory.iterdir()
            if one.is_file() and not one.name.startswith(".") and fnmatch(one.name, dropped.pattern)
        ]
    except OSError as error:
        raise FileUnreadable(f"{dropped.directory}: {error.strerror}") from None
    return [path for changed, path in sorted(found) if now - changed >= dropped.settled_s]


def moved(path: Path, folder: str) -> Path:
    """Move a file into a folder beside it; a name that is taken gets a number. Raises FileUnreadable."""
    try:
        beside = path.parent / folder
        beside.mkdir(exist_ok=True)
        names = (beside / (f"{path.stem}.{n}{path.suffix}" if n else path.name) for n in range(1_000_000))
        return path.rename(next(one for one in names if not one.exists()))
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror}") from None


def documents(path: Path, dropped: DroppedFiles) -> list[bytes]:
    """Give each row of a file as JSON, or a line of NDJSON as it stands. Raises FileUnreadable."""
    try:
        match dropped.format:
            case "ndjson":
                return list(_lines(path))
            case "csv":
                return list(_csv(path, dropped))
            case "xlsx":
                return list(_xlsx(path, dropped))
    except OSError as error:
        raise FileUnreadable(f"{path.name}: {error.strerror}") from None


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            if line.strip():
                yield line.strip()


def _csv(path: Path, dropped: DroppedFiles) -> Iterator[bytes]:
    form = dropped.csv
    with path.open("rb") as file:
        if why := form.mistaken_file(file.readline(), file):
            raise FileUnreadable(f"{path.name}: {why}")
    try:
        encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
        with path.open(encoding=encoding, newline="") as text:
            for row in csv.DictReader(text, delimiter=form.delimiter, strict=True):
                extra = row.pop(None, None)  # cells beyond the header's
                if extra is not None or None in row.values():
                    why = Text("列数与表头不符", "has another number of cells than the header")
                    raise FileUnreadable(f"{path.name}: {why}")
                yield _json(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(f"{path.name}: {Text('读不出', 'cannot be read')}: {type(error).__name__}") from None


def _xlsx(path: Path, dropped: DroppedFiles) -> Iterator[bytes]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheet = book.get_sheet_by_name(dropped.sheet) if dropped.sheet else book.get_sheet_by_index(0)
        rows = iter(sheet.to_python())
    except (CalamineError, BadZipFile, ValueError) as error:
        raise FileUnreadable(f"{path.name}: {Text('不是可读的 xlsx', 'no xlsx that can be read')}: {error}") from None
    header = [_cell(one) for one in next(rows, [])]
    for row in rows:
        cells = {name: _cell(one) for name, one in zip(header, row, strict=False) if name}
        if any(cells.values()):
            yield _json(cells)


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip()


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()
