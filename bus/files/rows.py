"""The rows of files: size, type, who uploaded them and when, and which tickets' evidence names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.postgres.personal_keys import NOTE_READS, Reader
from bus.postgres.pool import Connection, Pool, connected, read_row, read_rows

DAY: Final = timedelta(days=1)
FILES_OF_TICKET_MAX: Final = 500
_LOCK_CLIENT = "SELECT pg_advisory_xact_lock(hashtextextended('files of ' || %s, 0))"
_USED = "SELECT coalesce(sum(size), 0)::bigint FROM files WHERE client = %s AND uploaded_at > %s"
PUT_LEASE: Final = timedelta(hours=1)
DELETE_AGAIN: Final = timedelta(minutes=10)
# A new row has ended already until its bytes are in the store; one that is there stays as it is, so that evidence may
# name it meanwhile. What no evidence names is its last sender's. Waits for a deletion of the same file.
_BEGIN = """
INSERT INTO files AS f (sha256, size, media_type, client, uploaded_at, ended_at, puts)
VALUES (%s, %s, %s, %s, %s, now(), ARRAY[clock_timestamp() + %s])
ON CONFLICT (sha256) DO UPDATE SET
    client = CASE WHEN f.tickets = '{}' THEN excluded.client ELSE f.client END,
    uploaded_at = CASE WHEN f.tickets = '{}' THEN excluded.uploaded_at ELSE f.uploaded_at END,
    media_type = CASE WHEN f.tickets = '{}' THEN excluded.media_type ELSE f.media_type END,
    puts = ARRAY(SELECT until FROM unnest(f.puts) AS u (until) WHERE until > now()) || excluded.puts
RETURNING puts[cardinality(puts)]"""
_FINISH = """
UPDATE files SET ended_at = NULL, puts = array_remove(puts, %s), delete_failure = NULL, delete_at = NULL
WHERE sha256 = %s"""
_SENT_SIZE = "SELECT EXISTS (SELECT FROM files WHERE client = %s AND uploaded_at > %s AND size = %s)"
_FIND = """
SELECT sha256, size, media_type, uploaded_at FROM files WHERE sha256 = %s AND ended_at IS NULL"""
_OF_TICKET_NOTED: LiteralString = """
WITH named AS (
    SELECT sha256, size, media_type, uploaded_at FROM files
    WHERE tickets @> ARRAY[%(ticket)s] AND ended_at IS NULL ORDER BY uploaded_at, sha256 LIMIT %(most)s
), noted AS ({noted})
SELECT * FROM named"""
_OF_TICKET = _OF_TICKET_NOTED.format(noted=NOTE_READS.format(read="SELECT %(ticket)s || '/files' FROM named"))
_ENDED = """
SELECT sha256 FROM files WHERE ended_at IS NOT NULL AND now() >= ALL(puts) AND (delete_at IS NULL OR delete_at <= now())
LIMIT 1 FOR UPDATE SKIP LOCKED"""
_DELETE_LATER = "UPDATE files SET delete_failure = %s, delete_at = now() + %s WHERE sha256 = %s"
_DELETE = "DELETE FROM files WHERE sha256 = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of the store: SHA-256 in hex, size in bytes, when it was uploaded last."""

    sha256: str
    size: int
    media_type: str
    uploaded_at: datetime


async def lock_client(connection: Connection, client: str) -> None:
    """Let a client's files be counted and added one at a time."""
    await connection.execute(_LOCK_CLIENT, (client,))


async def used_bytes(connection: Connection, client: str, now: datetime) -> int:
    """Give how many bytes a client has added within a day; what it sent twice counts once."""
    ((used,),) = await (await connection.execute(_USED, (client, now - DAY))).fetchall()
    return int(used)


async def has_sent(connection: Connection, client: str, size: int, now: datetime) -> bool:
    """Say whether a client has added a file of so many bytes within a day, which another may repeat."""
    ((sent,),) = await (await connection.execute(_SENT_SIZE, (client, now - DAY, size))).fetchall()
    return bool(sent)


async def begin_put(connection: Connection, file: StoredFile, client: str) -> datetime:
    """Add a file's row, or keep the one that is there; gives until when nobody deletes the file, PUT_LEASE from now."""
    columns = (file.sha256, file.size, file.media_type, client, file.uploaded_at, PUT_LEASE)
    ((until,),) = await (await connection.execute(_BEGIN, columns)).fetchall()
    assert isinstance(until, datetime)
    return until


async def finish_put(connection: Connection, sha256: str, until: datetime) -> bool:
    """Let a file be read whose bytes are in the store; False when it was deleted, as the put took too long."""
    return (await connection.execute(_FINISH, (until, sha256))).rowcount == 1


async def find(pool: Pool, sha256: str) -> StoredFile | None:
    """Find a file that has not ended. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_row(connection, _FIND, StoredFile, (sha256,))


async def files_of(pool: Pool, ticket_id: str, reader: Reader) -> Sequence[StoredFile]:
    """List the files that a ticket's evidence names, the first FILES_OF_TICKET_MAX, and record who reads them.

    Raises StoreUnavailable.
    """
    asked = {
        "ticket": ticket_id, "client": reader.client, "person": reader.person, "at": reader.at,
        "most": FILES_OF_TICKET_MAX,
    }  # fmt: skip
    async with connected(pool) as connection:
        return await read_rows(connection, _OF_TICKET, StoredFile, asked)


async def lock_ended(connection: Connection) -> str | None:
    """Take one file that has ended and that no upload puts nor other gateway deletes; gives its SHA-256."""
    row = await (await connection.execute(_ENDED)).fetchone()
    return row[0] if row else None


async def delete(connection: Connection, sha256: str) -> None:
    """Delete a file's row."""
    await connection.execute(_DELETE, (sha256,))


async def delete_later(connection: Connection, sha256: str, failure: str) -> None:
    """Let others be deleted before a file that could not be; it is tried again after DELETE_AGAIN."""
    await connection.execute(_DELETE_LATER, (failure, DELETE_AGAIN, sha256))
