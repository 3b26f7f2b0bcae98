"""The store of files held against what tickets name: each file is there, with its bytes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString

from bus.files.errors import FileGone
from bus.files.file_type import HEAD_BYTES, file_type
from bus.files.identity import check_store
from bus.files.store import WHOLE, FileStore
from bus.postgres.pool import Connection, Pool, connected, in_transaction

_ROWS: LiteralString = "SELECT sha256, tickets FROM files WHERE ended_at IS NULL ORDER BY sha256"
# Of tickets whose personal data is erased the files have ended, too.
_WITHOUT_ROW: LiteralString = """
SELECT named[1], array_agg(DISTINCT e.ticket_id)
FROM events e JOIN ticket_states s USING (ticket_id),
    regexp_matches(encode(e.value, 'escape'), 'ticketbus-file:([0-9a-f]{64})', 'g') AS named
WHERE e.recorded_at > %s AND position('ticketbus-file:'::bytea IN e.value) > 0
    AND NOT coalesce((s.state ->> 'personal_erased')::boolean, false)
    AND NOT EXISTS (SELECT FROM files f WHERE f.sha256 = named[1])
GROUP BY named[1] ORDER BY named[1]"""
_NOTE: LiteralString = """
INSERT INTO files (sha256, size, media_type, client, uploaded_at, tickets)
VALUES (%s, %s, %s, 'ticketbus restore', now(), %s) ON CONFLICT DO NOTHING"""
_Named = Sequence[tuple[str, list[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongFile:
    """A file that a row, or evidence, names and nobody can read; `tickets`: whose evidence."""

    sha256: str
    why: Literal["missing", "damaged"]
    tickets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesReport:
    """How many files were read, how many got their rows again, and what is wrong."""

    checked: int
    noted_again: int
    wrong: list[WrongFile]


@dataclass(frozen=True, slots=True)
class _Bytes:
    sha256: str
    size: int
    head: bytes


async def check_files(pool: Pool, store: FileStore, since: datetime | None = None) -> FilesReport:
    """Read every file that a row has; with `since` also those that evidence recorded after it names without a row.

    Such a row was lost with PostgreSQL, where evidence came back from Kafka: it is written again if the bytes are
    there. Raises FilesAway, StoreUnavailable.
    """
    rows, without_row = await _named(pool, since)
    named, wrong, noted_again = [*rows, *without_row], list[WrongFile](), 0
    if named:
        await check_store(pool, store)
    for n, (sha256, tickets) in enumerate(named):
        found = await _read(store, sha256)
        if found is None or found.sha256 != sha256:
            wrong.append(WrongFile(sha256=sha256, why="damaged" if found else "missing", tickets=tickets))
        elif n >= len(rows) and (known := file_type(found.head)):
            await in_transaction(pool, _note, (sha256, found.size, known.media_type, tickets))
            noted_again += 1
    return FilesReport(checked=len(named), noted_again=noted_again, wrong=wrong)


async def named_files(pool: Pool, since: datetime | None = None) -> frozenset[str]:
    """Give the files that `check_files` reads, by SHA-256. Raises StoreUnavailable."""
    return frozenset(sha256 for found in await _named(pool, since) for sha256, _ in found)


async def _named(pool: Pool, since: datetime | None) -> tuple[_Named, _Named]:
    async with connected(pool) as connection:
        return await _fetched(connection, _ROWS), await _fetched(connection, _WITHOUT_ROW, since) if since else []


async def _read(store: FileStore, sha256: str) -> _Bytes | None:
    digest, size, head = hashlib.sha256(), 0, b""
    try:
        async for part in store.read(sha256, 0, WHOLE - 1):
            digest.update(part)
            size, head = size + len(part), head or part[:HEAD_BYTES]
    except FileGone:
        return None
    return _Bytes(digest.hexdigest(), size, head)


async def _fetched(connection: Connection, query: LiteralString, *parameters: datetime) -> _Named:
    return await (await connection.execute(query, parameters)).fetchall()


async def _note(connection: Connection, row: tuple[str, int, str, list[str]]) -> None:
    await connection.execute(_NOTE, row)
