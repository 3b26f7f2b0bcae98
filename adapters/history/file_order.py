"""A file's rows ticket by ticket, each ticket's in order, however they stand in the file; held on disk.

Tickets that share an incident key stand together, and their rows in the order of time: whether a report joins a ticket
depends on whether that is open by then.

A private SQLite database holds them, in a file that is deleted as it is made (SQLITE_TMPDIR or TMPDIR names the folder,
else /var/tmp). Memory holds CACHE_KIB of it.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

from adapters.history.map_file import HistoryMap
from adapters.history.refusal_limit import RefusalLimit
from adapters.history.rows import Row, read_rows
from adapters.history.table import BoundTable
from bus.domain.errors import BusError, MalformedInput
from bus.domain.text import Text
from bus.domain.ticket_keys import incident_name

CACHE_KIB: Final = 32_768
ROWS_AT_ONCE: Final = 1_000
BETWEEN: Final = "\0"  # no row that can be read holds it

# A row without a readable number is a ticket of its own; one without a readable place stays behind the one before it.
_TABLE = """
CREATE TABLE row (
    line INTEGER PRIMARY KEY, ticket TEXT NOT NULL, place INTEGER, raw BLOB NOT NULL, cells TEXT, fault TEXT,
    incident TEXT, at INTEGER)"""
# The key of a ticket's first row counts; a row's time is at least that of the row before it in its ticket.
_PLACED = """
CREATE TABLE placed AS
WITH one AS (
    SELECT line, incident, at, first_value(line) OVER earlier AS first,
        coalesce(place, max(place) OVER earlier) AS place, place IS NOT NULL AS readable
    FROM row WINDOW earlier AS (PARTITION BY ticket ORDER BY line)),
ordered AS (
    SELECT line, first, place, readable, max(at) OVER so_far AS at, first_value(incident) OVER so_far AS incident,
        lead(line) OVER so_far IS NULL AS last
    FROM one WINDOW so_far AS (PARTITION BY first ORDER BY place, line))
SELECT line, first, place, readable, at, last,
    CASE WHEN incident IS NULL THEN first ELSE min(first) OVER (PARTITION BY incident) END AS incident
FROM ordered"""
_MOVED = """
SELECT count(*) FROM (
    SELECT place, lag(place) OVER (PARTITION BY first ORDER BY line) AS before FROM placed) WHERE place < before"""
_TIED = """
SELECT count(*) FROM (
    SELECT place, lag(place) OVER (PARTITION BY first ORDER BY place) AS before FROM placed WHERE readable)
WHERE place = before"""
_READABLE_GONE = "DELETE FROM row WHERE fault IS NULL"
_IN_ORDER = "SELECT line, incident, last FROM placed ORDER BY incident, at, first, place, line"
_ROW = "SELECT ticket, raw, cells, fault FROM row WHERE line = ?"


_Stored = tuple[int, str, int | None, bytes, str | None, str | None, str | None, int | None]  # a row of the table


class NoSpaceToSort(BusError):
    """The rows cannot be put in order: the folder of temporary files is full or cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedRow:
    """A row in its ticket's order; `ticket` is the source's number, empty where the row has a `fault`.

    `incident` is the same for tickets that share a key. `last`: no row of its ticket follows.
    """

    ticket: str
    row: Row
    incident: int
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedRows:
    """All rows of a file, tickets as they first appear, each ticket's by its place, equal places as in the file.

    Rows of tickets that share an incident key stand together, by time.

    `moved` rows stood behind a later one of their ticket. `tied` rows of a file with such have the same place as
    another of their ticket, so that nothing but the file says which is first. `empty` rows have no cell with anything
    in it; they are not among `rows`. `stopped`: why reading ended early; then
    only the rows that cannot be read are here.
    """

    table: BoundTable
    rows: int
    empty: int
    moved: int
    tied: int
    stopped: Text | None
    disk: sqlite3.Connection

    def __iter__(self) -> Iterator[OrderedRow]:
        """Give the rows, once or again. Raises NoSpaceToSort."""
        with _space():
            for line, incident, last in self.disk.execute(_IN_ORDER):
                ticket, row = _read(line, *self.disk.execute(_ROW, (line,)).fetchone())
                yield OrderedRow(ticket=ticket, row=row, incident=incident, last=bool(last))


@contextmanager
def rows_in_order(
    lines: Iterable[bytes], mapped: HistoryMap, *, on_rows: Callable[[int], None] = lambda _: None
) -> Iterator[OrderedRows]:
    """Read a whole file and put it in order; nothing of it is taken in yet. `on_rows` is given how many were read.

    Raises HistoryUnreadable when the file cannot be read to its end, and NoSpaceToSort.
    """
    header, rows = read_rows(lines, mapped.csv)
    table = BoundTable(mapped, header)
    with closing(sqlite3.connect("", isolation_level=None)) as disk:
        with _space():
            disk.executescript(f"PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = FILE; PRAGMA journal_mode = OFF")
            disk.execute(_TABLE)
            count, empty, stopped = _fill(disk, rows, table, on_rows)
            if stopped:
                disk.execute(_READABLE_GONE)
            disk.execute(_PLACED)
            (moved,) = disk.execute(_MOVED).fetchone()
            (tied,) = disk.execute(_TIED).fetchone() if moved else (0,)
        yield OrderedRows(table=table, rows=count, empty=empty, moved=moved, tied=tied, stopped=stopped, disk=disk)


def _fill(
    disk: sqlite3.Connection, rows: Iterator[Row], table: BoundTable, on_rows: Callable[[int], None]
) -> tuple[int, int, Text | None]:
    """Store rows; gives how many, how many more are empty, and why it ended early: too many cannot be read."""
    count, limit = 0, RefusalLimit()
    empty = 0
    while some := list(islice(rows, ROWS_AT_ONCE)):
        full = [_stored(row, table) for row in some if not row.empty]
        empty += len(some) - len(full)
        disk.execute("BEGIN")
        for stored in full:
            disk.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)", stored)
            count += 1
            line, fault = stored[0], stored[5]
            if stopped := limit.above(line, refused=fault is not None):
                disk.execute("COMMIT")
                return count, empty, stopped
        disk.execute("COMMIT")
        on_rows(count)
    return count, empty, None


def _stored(row: Row, table: BoundTable) -> _Stored:
    """Give a row of the table `row`."""
    try:
        if row.fault:
            raise row.fault
        ticket = table.number_of(row.values)
    except MalformedInput as fault:
        reason = json.dumps((fault.code, fault.field, fault.zh, fault.en))
        return row.line, f"{BETWEEN}{row.line}", None, row.raw, None, reason, None, None
    try:
        place = table.place(row.values)
    except MalformedInput:
        place = None  # translating it says why
    return row.line, ticket, place, row.raw, BETWEEN.join(row.values), None, *_incident(row, table)


def _incident(row: Row, table: BoundTable) -> tuple[str | None, int | None]:
    """Give what tickets may share, their incident key if the row has one, and its time, where keys are of a column."""
    if not table.map.incident_key:
        return None, None
    try:
        time = table.begins_at(row.values)
    except MalformedInput:
        time = None  # translating it says why
    shared = table.has_key(row.values)
    return BETWEEN.join(incident_name(table.incident_key(row.values))) if shared else None, time


def _read(line: int, ticket: str, raw: bytes, cells: str, fault: str | None) -> tuple[str, Row]:
    if fault:
        return "", Row(line, raw, (), MalformedInput(*json.loads(fault)))
    return ticket, Row(line, raw, tuple(cells.split(BETWEEN)))


@contextmanager
def _space() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise NoSpaceToSort(
            f"行无法排序:临时目录已满或不可写({error});用 SQLITE_TMPDIR 指定有空间的目录 / the rows cannot be put in "
            f"order: the folder of temporary files is full or cannot be written ({error}); name one in SQLITE_TMPDIR"
        ) from error
