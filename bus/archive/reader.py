"""Reads what is archived of the log: a ticket's events, put beside those that `events` has, and whole files."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, LiteralString
from uuid import UUID

from bus.domain.errors import ArchiveUnreadable
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

if TYPE_CHECKING:
    from bus.archive.event_file import ArchivedEvent

_FILES: Final[LiteralString] = "SELECT * FROM archived_months ORDER BY first_ticket, archived_at"
_VALUES: Final[LiteralString] = "SELECT value FROM events WHERE ticket_id = %(ticket)s ORDER BY version"
_SOME: Final[LiteralString] = "SELECT EXISTS (SELECT FROM archived_months)"
# Of a ticket whose events are all in `events` no file is asked.
_OF_TICKETS: Final[LiteralString] = """
SELECT m.file, array_agg(w.ticket_id) FROM unnest(%(tickets)s::text[]) AS w (ticket_id)
JOIN archived_months m ON w.ticket_id BETWEEN m.first_ticket AND m.last_ticket
JOIN ticket_states s USING (ticket_id)
WHERE s.version > (SELECT count(*) FROM events e WHERE e.ticket_id = w.ticket_id)
GROUP BY m.file ORDER BY m.file"""
# A name of its own within one statement: what the query says of `events` then holds for archived ones, too.
_OVER: Final[LiteralString] = """
WITH events AS NOT MATERIALIZED (
    SELECT * FROM events UNION ALL SELECT * FROM json_populate_recordset(NULL::events, %(archived)s::json)
)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A file of the archive: what it holds, between which tickets and times, both included.

    `sealed`: each of its events is a leaf of the audit tree.
    """

    file: str
    month: str
    sha256: bytes
    bytes: int
    tickets: int
    events: int
    first_ticket: str
    last_ticket: str
    first_at: datetime
    last_at: datetime
    sealed: bool
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRows:
    """Events that only files have, by ticket and version; `over` lets a query see them as rows of `events`."""

    rows: Sequence["ArchivedEvent"] = ()

    def over(self, query: LiteralString) -> LiteralString:
        """Give the query over both; it begins with SELECT and takes its parameters by name, `asked` among them."""
        return _OVER + query if self.rows else query

    @property
    def asked(self) -> Mapping[str, Any]:
        """What `over` adds to the parameters."""
        return {"archived": json.dumps([_plain(one) for one in self.rows])} if self.rows else {}


def over_archived(query: LiteralString, asked: Mapping[str, Any]) -> LiteralString:
    """Give a query that sees archived events too, where there are some in what it is asked with. Pure."""
    return _OVER + query if "archived" in asked else query


NONE_ARCHIVED: Final = ArchivedRows()


async def archived_files(connection: Connection) -> list[ArchivedFile]:
    """Read what is archived, by ticket."""
    return await read_rows(connection, _FILES, ArchivedFile)


async def archived_rows(connection: Connection, tickets: Sequence[str]) -> ArchivedRows:
    """Read the archived events of tickets; none, and no file, for tickets that `events` has as a whole.

    Raises ArchiveUnreadable.
    """
    if not (await (await connection.execute(_SOME)).fetchall())[0][0]:
        return NONE_ARCHIVED
    return await _rows_of(connection, tickets)


async def _rows_of(connection: Connection, tickets: Sequence[str]) -> ArchivedRows:
    found = list["ArchivedEvent"]()
    for name, some in await (await connection.execute(_OF_TICKETS, {"tickets": [*tickets]})).fetchall():
        found += await _work(connection, name, "events_of", {*some})
    return ArchivedRows(rows=sorted(found, key=lambda one: (one.ticket_id, one.version)))


async def log_values(connection: Connection, ticket_id: str) -> list[bytes]:
    """Read the bytes of all events of a ticket, wherever they are, by version. Raises ArchiveUnreadable."""
    return await event_values(connection, _VALUES, {"ticket": ticket_id})


async def event_values(connection: Connection, query: LiteralString, asked: Mapping[str, Any]) -> list[bytes]:
    """Read bytes of the events of `ticket` by a query for `value`, in one statement where nothing is archived.

    Within a transaction: its lock on `events` keeps a month from being replaced until all is read.
    Raises ArchiveUnreadable.
    """
    with_mark = "SELECT ARRAY(" + query + "), EXISTS (SELECT FROM archived_months)"  # noqa: S608 - of constants alone
    ((values, some),) = await (await connection.execute(with_mark, asked, binary=True)).fetchall()
    if some and (archived := await _rows_of(connection, [asked["ticket"]])).rows:
        both = {**asked, **archived.asked}
        ((values, _),) = await (await connection.execute(archived.over(with_mark), both, binary=True)).fetchall()
    return list(values)


async def events_between(connection: Connection, since: datetime, until: datetime, most: int) -> ArchivedRows:
    """Read the archived events of a time, one more than `most` at most. Raises ArchiveUnreadable."""
    found = list["ArchivedEvent"]()
    for file in await archived_files(connection):
        if file.first_at >= until or file.last_at < since:
            continue
        async for group in groups_of(connection, file):
            found += [one for one in group if since <= one.recorded_at < until]
            if len(found) > most:
                return ArchivedRows(rows=found[: most + 1])
    return ArchivedRows(rows=found)


async def groups_of(connection: Connection, file: ArchivedFile) -> AsyncIterator[Sequence["ArchivedEvent"]]:
    """Read a file's events by ticket and version, some thousands at a time. Raises ArchiveUnreadable."""
    groups = await _work(connection, file.file, "groups_of")
    while group := await asyncio.to_thread(next, groups, None):
        yield group


async def digests_of(
    connection: Connection, file: ArchivedFile, wanted: Callable[[str], bool]
) -> AsyncIterator[Sequence[tuple[str, int, bytes]]]:
    """Read ticket, version and MD5 of the bytes of a file's events of the tickets that are wanted.

    Raises ArchiveUnreadable.
    """
    groups = await _work(connection, file.file, "digests_of", wanted)
    while (group := await asyncio.to_thread(next, groups, None)) is not None:
        yield group


async def ticket_of_event(connection: Connection, event_id: UUID) -> str | None:
    """Find the ticket of an archived event; None where no file has it. Raises ArchiveUnreadable."""
    for file in await archived_files(connection):
        if found := await _work(connection, file.file, "ticket_of_event", event_id):
            return str(found)
    return None


async def digest_of(connection: Connection, file: ArchivedFile) -> bytes:
    """Read the SHA-256 of a file as it lies there now. Raises ArchiveUnreadable."""
    return bytes(await _work(connection, file.file, "sha256_of"))


def parquet_files() -> Any:
    """Give `bus.archive.event_file`, which writes and reads files.

    Raises ArchiveUnreadable where the library is not installed.
    """
    try:
        return import_module("bus.archive.event_file")
    except ModuleNotFoundError as error:
        raise ArchiveUnreadable(
            Text(
                "归档需要 pyarrow: pip install 'ticketbus[archive]'",
                f"the archive needs {error.name}: pip install 'ticketbus[archive]'",
            )
        ) from error


async def _work(connection: Connection, name: str, what: str, *args: Any) -> Any:
    """Call a function of `bus.archive.event_file` on a file, in a thread: the loop goes on."""
    folder = connection.archive
    if folder is None:
        raise ArchiveUnreadable(
            Text(f"归档文件 {name}: 本程序没有归档目录", f"the archive's file {name}: this program has no archive")
        )
    return await asyncio.to_thread(getattr(parquet_files(), what), folder / name, *args)


def _plain(event: "ArchivedEvent") -> dict[str, Any]:
    """Give a row as JSON that PostgreSQL reads as the same values."""
    return {
        **event._asdict(),
        "event_id": str(event.event_id),
        "command_id": str(event.command_id),
        "occurred_at": event.occurred_at.isoformat(),
        "recorded_at": event.recorded_at.isoformat(),
        "value": f"\\x{event.value.hex()}",
    }
