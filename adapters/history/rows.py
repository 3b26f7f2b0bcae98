"""Reading a CSV history as a stream: one row at a time with its line number and its bytes, plain or gzipped."""

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO

from adapters.csv_form import CsvForm, trimmed
from bus.domain.errors import BusError, MalformedInput
from bus.domain.text import Text

ROW_BYTES_MAX = 262_144  # its quoted line breaks included
UNPACKED_BYTES_MAX = 1 << 30  # a few megabytes of gzip can hold as much as a disk
_GZIP_MAGIC = b"\x1f\x8b"
_LONE_CR = re.compile(rb"\r\0?(?![\0\n]|\Z)")  # in UTF-16 a NUL stands beside it
_ENDS_BY_CR = Text(
    "行以单个 CR 结尾(旧 Mac 格式),请另存为 CSV(行尾为 CRLF 或 LF)",
    "its lines end by CR alone, as those of an old Mac: save it as CSV with CRLF or LF at the end of lines",
)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx, .xls


class HistoryUnreadable(BusError):
    """The file cannot be read any further, or lacks a column that its map speaks of."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file. `line` counts from 1, the header's; `fault` is why it cannot be read at all.

    A line whose cells are all empty has no `values`, and no fault.
    """

    line: int
    raw: bytes
    values: tuple[str, ...]
    fault: MalformedInput | None = None

    @property
    def empty(self) -> bool:
        """Say whether there is nothing in the row."""
        return not self.values and self.fault is None


@contextmanager
def open_lines(path: Path) -> Iterator[tuple[Iterator[bytes], BinaryIO]]:
    """Open a file for reading line by line; the second is the file itself, for telling how far it was read.

    Raises HistoryUnreadable when it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise HistoryUnreadable(f"{path}: 无法打开 / cannot be opened: {error.strerror}") from error
    with file:
        zipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        lines = _lines(gzip.GzipFile(fileobj=file) if zipped else file, path)
        yield _bounded(lines, path) if zipped else lines, file


def read_rows(lines: Iterable[bytes], form: CsvForm) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Give the header and a stream of the rows behind it; memory stays flat, whatever the length of the file.

    Raises HistoryUnreadable when there is no header, or when the file is a workbook or in another encoding.
    """
    lines = iter(lines)
    first = next(lines, b"")
    if not first:
        raise HistoryUnreadable("文件没有表头行 / the file has no header line")
    if first.startswith(_WORKBOOKS):
        raise HistoryUnreadable("文件是 Excel 工作簿，请另存为 CSV / the file is an Excel workbook: save it as CSV")
    if first.removeprefix(BOM_UTF8).lower().startswith(b"sep="):
        raise HistoryUnreadable("第一行是 Excel 的 sep=，请删除这一行 / the first line is Excel's `sep=`: delete it")
    if why := form.mistaken_file(first, lines):
        raise HistoryUnreadable(f"文件{why.zh} / the file is {why.en}")
    text = _Text(form.lines(chain((first,), lines)), form)
    reader = csv.reader(text, delimiter=form.delimiter, strict=True)
    try:
        header = tuple(map(trimmed, next(reader)))
    except csv.Error as error:
        taken = text.take()
        why = _not_csv(error, b"".join(taken))
        raise HistoryUnreadable(
            f"表头行不是合法的 CSV,占 {len(taken)} 行:{why.zh} / the header line is not CSV: {why.en}"
        ) from error
    return header, _rows(reader, text, header, 1 + len(text.take()))


class _Text:
    """Decodes lines for the csv module and remembers those that the row at hand was made of, at most ROW_BYTES_MAX."""

    def __init__(self, lines: Iterator[tuple[bytes, str]], form: CsvForm) -> None:
        self.form = form
        self.encoding = form.encoding
        self._lines = lines
        self._taken: list[bytes] = []
        self._bytes = 0
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self.encoding = next(self._lines)
        self._line += 1
        self._bytes += len(line)
        self._taken.append(line)
        if self._bytes > ROW_BYTES_MAX:
            count = len(self._taken)
            if count == 1 and _LONE_CR.search(line):
                raise HistoryUnreadable(str(_ENDS_BY_CR))
            begin = self._line - count + 1
            raise HistoryUnreadable(
                f"从第 {begin} 行开始的一行超过 {ROW_BYTES_MAX} 字节,已占 {count} 行,可能是引号没有闭合;"
                "没有导入任何内容 / "
                f"the row that begins in line {begin} is longer than {ROW_BYTES_MAX} bytes; it took {count} lines, "
                "perhaps a quote in it is not closed; nothing of the file was imported"
            )
        text = line.decode(self.encoding, "replace")
        return text.removeprefix("\ufeff") if self._line == 1 else text

    def take(self) -> list[bytes]:
        """Give the lines since the last call."""
        taken, self._taken, self._bytes = self._taken, [], 0
        return taken


def _rows(reader: Iterator[list[str]], text: _Text, header: tuple[str, ...], line: int) -> Iterator[Row]:
    while True:
        values: list[str] = []
        fault = refused = None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused = error
        taken = text.take()
        raw = b"".join(taken)
        if refused:
            why = _not_csv(refused, raw)
            fault = MalformedInput("bad_csv", "row", f"这一行不是合法的 CSV:{why.zh}", f"the row is not CSV: {why.en}")
        first, line = line, line + len(taken)
        if fault or any(map(str.strip, values)):
            fault = fault or _fault(raw, values, header, text)
            yield Row(first, raw, tuple(values), _with_lines(fault, first, len(taken)))
        else:  # Excel saves many
            yield Row(first, raw, ())


def _not_csv(error: csv.Error, raw: bytes) -> Text:
    """Say why lines are no CSV; the csv module speaks of `newline` when a line ends by CR alone."""
    return _ENDS_BY_CR if "new-line" in str(error) and _LONE_CR.search(raw) else Text(str(error), str(error))


def _fault(raw: bytes, values: list[str], header: tuple[str, ...], text: _Text) -> MalformedInput | None:
    if len(values) != len(header):
        zh, en = f"应有 {len(header)} 列,实有 {len(values)} 列", f"the row has {len(values)} columns, the header"
        return MalformedInput("wrong_columns", "row", zh, f"{en} {len(header)}")
    if why := text.form.mistaken(raw, text.encoding):
        return MalformedInput("not_utf8" if text.encoding == "utf-8" else "wrong_encoding", "row", *_words(why))
    if "\0" in "".join(values):
        return MalformedInput("nul", "row", "含有 NUL 字符,请清除", "the row holds a NUL character; remove it")
    for name, cell in zip(header, values, strict=True):
        if "\u202e" in cell:
            zh, en = (
                "含控制字符 U+202E,会颠倒文字方向,请清除",
                "holds the control character U+202E, which turns it around",
            )
            return MalformedInput("control_character", name, f"“{name}”{zh}", f"{name} {en}; remove it")
    if trimmed(values[0]) == header[0] and tuple(map(trimmed, values)) == header:
        return MalformedInput("header_again", "row", "表头在文件中再次出现", "the header stands here once more")
    return None


def _words(why: Text) -> tuple[str, str]:
    return f"这一行{why.zh}", f"the row is {why.en}"


def _with_lines(fault: MalformedInput | None, first: int, count: int) -> MalformedInput | None:
    """Say how many lines a row took that cannot be read: a quote that is not closed takes in the rows behind it."""
    if fault is None or count == 1 or fault.code not in ("bad_csv", "wrong_columns"):
        return fault
    last = first + count - 1
    return MalformedInput(
        fault.code,
        fault.field,
        f"{fault.zh};引号把第 {first} 至 {last} 行(共 {count} 行)连成一行,可能没有闭合",
        f"{fault.en}; a quote took in lines {first} to {last} ({count} lines), perhaps it is not closed",
    )


def _lines(file: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[bytes]:
    number = 0
    try:
        while line := file.readline(ROW_BYTES_MAX + 1):
            number += 1
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise HistoryUnreadable(
            f"{path}: 第 {number} 行之后无法读取,没有导入任何内容 / cannot be read beyond line {number}, and nothing "
            f"of it was imported: {error}"
        ) from error


def _bounded(lines: Iterator[bytes], path: Path) -> Iterator[bytes]:
    """Give lines of a packed file, up to UNPACKED_BYTES_MAX bytes. Raises HistoryUnreadable above."""
    unpacked = 0
    for number, line in enumerate(lines, 1):
        unpacked += len(line)
        if unpacked > UNPACKED_BYTES_MAX:
            most = f"{UNPACKED_BYTES_MAX >> 20} MiB"
            raise HistoryUnreadable(
                f"{path}: 解压后超过 {most}(第 {number} 行),没有导入任何内容;文件无误时请先解压(gunzip)再导入 / "
                f"unpacks to more than {most}, reached in line {number}; nothing of it was imported. If the file is "
                "what it should be, unpack it (gunzip) and import the plain file, which has no such limit"
            )
        yield line
