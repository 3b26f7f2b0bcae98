"""Reading a CSV history as a stream: one row at a time with its line number and its bytes, plain or gzipped."""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from bus.domain.errors import BusError, MalformedInput

ROW_BYTES_MAX = 262_144  # its quoted line breaks included
UNPACKED_BYTES_MAX = 1 << 30  # a few megabytes of gzip can hold as much as a disk
_GZIP_MAGIC = b"\x1f\x8b"


class HistoryUnreadable(BusError):
    """The file cannot be read any further, or lacks a column that its map speaks of."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file. `line` counts from 1, the header's; `fault` is why it cannot be read at all."""

    line: int
    raw: bytes
    values: tuple[str, ...]
    fault: MalformedInput | None = None


@contextmanager
def open_lines(path: Path) -> Iterator[tuple[Iterator[bytes], BinaryIO]]:
    """Open a file for reading line by line; the second is the file itself, for telling how far it was read.

    Raises HistoryUnreadable when it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise HistoryUnreadable(f"{path}: {error.strerror}") from error
    with file:
        zipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        lines = _lines(gzip.GzipFile(fileobj=file) if zipped else file, path)
        yield _bounded(lines, path) if zipped else lines, file


def read_rows(lines: Iterable[bytes]) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Give the header and a stream of the rows behind it; memory stays flat, whatever the length of the file.

    Raises HistoryUnreadable when there is no header.
    """
    text = _Text(lines)
    reader = csv.reader(text, strict=True)
    try:
        header = tuple(next(reader))
    except (StopIteration, csv.Error) as error:
        raise HistoryUnreadable("the file has no header line") from error
    text.take()
    return header, _rows(reader, text, len(header))


class _Text:
    """Decodes lines for the csv module and remembers those that the row at hand was made of, at most ROW_BYTES_MAX."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._first = True
        self._taken: list[bytes] = []
        self._bytes = 0
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._line += 1
        self._bytes += len(line)
        if self._bytes > ROW_BYTES_MAX:
            begin = self._line - len(self._taken)
            raise HistoryUnreadable(f"the row that begins in line {begin} is longer than {ROW_BYTES_MAX} bytes")
        self._taken.append(line)
        if self._first:
            self._first = False
            return line.decode("utf-8-sig", "surrogateescape")
        return line.decode("utf-8", "surrogateescape")

    def take(self) -> list[bytes]:
        """Give the lines since the last call."""
        taken, self._taken, self._bytes = self._taken, [], 0
        return taken


def _rows(reader: Iterator[list[str]], text: _Text, columns: int) -> Iterator[Row]:
    line = 2
    while True:
        values: list[str] = []
        fault = None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = MalformedInput("bad_csv", "row", f"这一行不是合法的 CSV:{error}", f"the row is not CSV: {error}")
        taken = text.take()
        raw = b"".join(taken)
        first, line = line, line + len(taken)
        if values or fault:  # an empty line is no row
            yield Row(first, raw, tuple(values), fault or _fault(raw, len(values), columns))


def _fault(raw: bytes, found: int, columns: int) -> MalformedInput | None:
    if found != columns:
        zh, en = f"应有 {columns} 列,实有 {found} 列", f"the row has {found} columns, the header {columns}"
        return MalformedInput("wrong_columns", "row", zh, en)
    if b"\0" in raw:
        return MalformedInput("nul", "row", "含有 NUL 字符,请清除", "the row holds a NUL character; remove it")
    try:
        raw.isascii() or raw.decode()
    except UnicodeDecodeError:
        return MalformedInput("not_utf8", "row", "不是 UTF-8 编码", "the row is not UTF-8")
    return None


def _lines(file: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[bytes]:
    number = 0
    try:
        while line := file.readline(ROW_BYTES_MAX + 1):
            number += 1
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise HistoryUnreadable(f"{path}: cannot be read beyond line {number}: {error}") from error


def _bounded(lines: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Give lines of a packed file, up to UNPACKED_BYTES_MAX bytes. Raises HistoryUnreadable above."""
    unpacked = 0
    for number, line in enumerate(lines, 1):
        unpacked += len(line)
        if unpacked > UNPACKED_BYTES_MAX:
            raise HistoryUnreadable(
                f"{path}: unpacks to more than {UNPACKED_BYTES_MAX >> 20} MiB, reached in line {number}; what is in "
                "stays in. If the file is what it should be, unpack it (gunzip) and import the plain file, which has "
                "no such limit"
            )
        yield line
