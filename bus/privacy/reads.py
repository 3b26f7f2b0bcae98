"""The record of who read personal data in clear; kept for ever."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from bus.postgres.pool import Connection, Pool, connected
from bus.privacy.phones import masked
from bus.privacy.search import PersonRecords

_ADD = """
INSERT INTO privacy_reads (read_at, read_by, phone_masked, tickets, letters, refused_inputs)
VALUES (%s, %s, %s, %s, %s, %s)"""
_LIST = "SELECT read_at, read_by, phone_masked, tickets, letters, refused_inputs FROM privacy_reads ORDER BY id"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRead:
    """An export: when, by whom, of which phone (masked), and how many of each it gave out."""

    read_at: datetime
    read_by: str
    phone_masked: str
    tickets: int
    letters: int
    refused_inputs: int


async def record(connection: Connection, held: PersonRecords, by: str, at: datetime) -> None:
    """Record that somebody is given what is held; commit it before anything is given out. Raises StoreUnavailable."""
    counts = (len(held.tickets), len(held.letters), len(held.refused))
    await connection.execute(_ADD, (at, by, masked(held.phone), *counts))


async def reads(pool: Pool) -> list[PrivacyRead]:
    """List what was read, the oldest first. Raises StoreUnavailable."""
    async with connected(pool) as connection, connection.cursor(row_factory=class_row(PrivacyRead)) as cursor:
        return await (await cursor.execute(_LIST)).fetchall()
