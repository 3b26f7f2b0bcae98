"""A Parquet file of events: every column of `events`, by ticket and version, in groups that are read one by one."""

import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from hashlib import md5, sha256
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import pyarrow as arrow
import pyarrow.compute as arrow_compute
from pyarrow import parquet

from bus.domain.errors import ArchiveUnreadable
from bus.domain.text import Text

GROUP_ROWS: Final = 10_000
"""Events of a group: what is read and unpacked for one ticket, some 10 ms."""
_TIME: Final = arrow.timestamp("us", tz="UTC")
_SCHEMA: Final = arrow.schema(
    [
        arrow.field(name, kind, nullable=False)
        for name, kind in (
            ("ticket_id", arrow.string()),
            ("version", arrow.int32()),
            ("event_id", arrow.uuid()),
            ("ce_type", arrow.string()),
            ("command_id", arrow.uuid()),
            ("trace_id", arrow.string()),
            ("source", arrow.string()),
            ("occurred_at", _TIME),
            ("recorded_at", _TIME),
            ("historic", arrow.bool_()),
            ("value", arrow.binary()),
        )
    ]
)


class ArchivedEvent(NamedTuple):
    """A row of `events`, as it stood there."""

    ticket_id: str
    version: int
    event_id: UUID
    ce_type: str
    command_id: UUID
    trace_id: str
    source: str
    occurred_at: datetime
    recorded_at: datetime
    historic: bool
    value: bytes


class EventFileDiffers(ArchiveUnreadable):
    """What was written is not what is read back."""


class EventFileWriter:
    """Writes a file beside its name, and gives it its name once it was read back and is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._file = parquet.ParquetWriter(self._part, _SCHEMA, compression="zstd", store_schema=False)
        self._digests: list[bytes] = []

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add a group; rows come by ticket and version."""
        batch = arrow.RecordBatch.from_arrays(
            [_array(field, column) for field, column in zip(_SCHEMA, zip(*rows, strict=True), strict=True)],
            schema=_SCHEMA,
        )
        self._file.write_batch(batch, row_group_size=len(rows))
        self._digests.append(_digest(batch))

    def finish(self) -> tuple[bytes, int]:
        """Close the file, compare it with what was given, and name it; gives its SHA-256 and bytes."""
        self._file.close()
        with self._part.open("rb") as written:
            os.fsync(written.fileno())
        back = parquet.ParquetFile(self._part)
        if [_digest(_group(back, number)) for number in range(back.num_row_groups)] != self._digests:
            raise EventFileDiffers(
                Text(
                    f"{self._part} 读回的内容与写入的不同",
                    "what was written of it is not what is read back: look after its disk, and run it again",
                )
            )
        digest = sha256_of(self._part)
        self._part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return digest, self._path.stat().st_size


def events_of(path: Path, tickets: Collection[str]) -> list[ArchivedEvent]:
    """Read the events of tickets: only groups that may have some. Raises ArchiveUnreadable."""
    with _reading(path) as file:
        asked = sorted(tickets)
        bounds = enumerate(_bounds(path, "ticket_id"))
        groups = [n for n, (low, high) in bounds if any(one <= high for one in asked[bisect_left(asked, low) :][:1])]
        if not groups:
            return []
        table = file.read_row_groups(groups)
        wanted = arrow_compute.is_in(table["ticket_id"], value_set=arrow.array(asked, arrow.string()))
        return _events(table.filter(wanted))


def groups_of(path: Path) -> Iterator[list[ArchivedEvent]]:
    """Read all events, a group at a time. Raises ArchiveUnreadable."""
    with _reading(path) as file:
        for number in range(file.num_row_groups):
            yield _events(file.read_row_group(number))


def digests_of(path: Path, wanted: Callable[[str], bool]) -> Iterator[list[tuple[str, int, bytes]]]:
    """Read ticket, version and MD5 of the bytes of the events of the tickets that are wanted, a group at a time.

    Raises ArchiveUnreadable.
    """
    with _reading(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, columns=["ticket_id", "version", "value"])
            tickets = [one for one in table["ticket_id"].unique().to_pylist() if wanted(one)]
            some = table.filter(arrow_compute.is_in(table["ticket_id"], value_set=arrow.array(tickets, arrow.string())))
            columns = (some[name].to_pylist() for name in ("ticket_id", "version", "value"))
            yield [
                (ticket_id, version, md5(value, usedforsecurity=False).digest())
                for ticket_id, version, value in zip(*columns, strict=True)
            ]


def ticket_of_event(path: Path, event_id: UUID) -> str | None:
    """Find whose event that is: only groups that may have it are read. Raises ArchiveUnreadable."""
    with _reading(path) as file:
        for number, (low, high) in enumerate(_bounds(path, "event_id")):
            if low <= event_id.bytes <= high:
                table = file.read_row_group(number, columns=["ticket_id", "event_id"])
                found = table.filter(arrow_compute.equal(_storage(table["event_id"]), event_id.bytes))
                if found.num_rows:
                    return str(found["ticket_id"][0].as_py())
    return None


def sha256_of(path: Path) -> bytes:
    """Read a file's SHA-256. Raises ArchiveUnreadable."""
    found = sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError as error:
        raise unreadable(path, _why(error)) from error
    return found.digest()


def unreadable(path: Path, why: str) -> ArchiveUnreadable:
    """Say that a file cannot be read, and what to do."""
    return ArchiveUnreadable(
        Text(
            f"归档文件 {path} 无法读取({why}):请把它放回原处,或用 TICKETBUS_ARCHIVE_DIR 指明归档所在的目录",
            f"the archive's file {path} cannot be read ({why}): put it back, or name its directory by "
            "TICKETBUS_ARCHIVE_DIR",
        )
    )


def _why(error: OSError) -> str:
    """Say it in the system's words: Arrow's own are long."""
    return os.strerror(error.errno) if error.errno else "it is no Parquet file"


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except OSError as error:
        raise unreadable(path, _why(error)) from error
    except (arrow.ArrowException, KeyError, IndexError) as error:
        raise unreadable(path, f"it is no Parquet file of events: {type(error).__name__}") from error


def _bounds(path: Path, column: str) -> Sequence[tuple[Any, Any]]:
    """Give the lowest and highest value of a column in each group."""
    status = path.stat()
    return _known_bounds(path, column, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _known_bounds(path: Path, column: str, _size: int, _written_ns: int) -> Sequence[tuple[Any, Any]]:
    metadata = parquet.read_metadata(path)
    place = metadata.schema.names.index(column)
    groups = (metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups))
    return [(one.min, one.max) for one in groups]


def _array(field: arrow.Field, column: Sequence[Any]) -> arrow.Array:
    if field.type == arrow.uuid():
        stored = arrow.array([one.bytes for one in column], arrow.binary(16))
        return arrow.ExtensionArray.from_storage(arrow.uuid(), stored)
    return arrow.array(column, field.type)


def _storage(column: arrow.ChunkedArray) -> arrow.Array:
    return column.combine_chunks().storage


def _group(file: parquet.ParquetFile, number: int) -> arrow.RecordBatch:
    table = file.read_row_group(number)
    return arrow.RecordBatch.from_arrays([one.combine_chunks() for one in table.columns], schema=table.schema)


def _digest(batch: arrow.RecordBatch) -> bytes:
    return sha256(batch.serialize()).digest()


def _events(table: arrow.Table) -> list[ArchivedEvent]:
    columns = (table[name].to_pylist() for name in ArchivedEvent._fields)
    return [ArchivedEvent(*row) for row in zip(*columns, strict=True)]
