"""The record of who had personal data exported or erased, and of who read it in clear over HTTP or from a shell."""

from dataclasses import dataclass
from datetime import date, datetime

from bus.postgres.personal_keys import NOTE_READS
from bus.postgres.pool import Connection, Pool, connected, read_rows
from bus.privacy.phones import masked
from bus.privacy.search import PersonRecords

_ADD = """
INSERT INTO privacy_reads (read_at, read_by, phone_masked, tickets, letters, refused_inputs, what, why)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"""
_EXPORTED = NOTE_READS.format(read="SELECT unnest(%(tickets)s::text[])")
_LIST = """
SELECT read_at, read_by, phone_masked, tickets, letters, refused_inputs, what, why FROM privacy_reads ORDER BY id"""
_OF_TICKET = """
SELECT read_on, client, person, what, first_at, last_at, times FROM personal_reads
WHERE what IN (%(ticket)s, %(ticket)s || '/files') ORDER BY first_at, client, person"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRead:
    """An export or an erasure: when, by whom, of which phone (masked), how many of each, and why."""

    read_at: datetime
    read_by: str
    phone_masked: str
    tickets: int
    letters: int
    refused_inputs: int
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRead:
    """That a client read a ticket's personal texts on a day, for whom, from when to when and how often.

    `what` ends in /files where it was given the addresses of the ticket's files.
    """

    read_on: date
    client: str
    person: str
    what: str
    first_at: datetime
    last_at: datetime
    times: int


async def record(
    connection: Connection, held: PersonRecords, *, by: str, at: datetime, what: str, why: str = ""
) -> None:
    """Record an export or an erasure; commit it before anything is given out. Raises StoreUnavailable."""
    await connection.execute(_ADD, (at, by, masked(held.phone), *held.counts, what, why))
    if what == "export":
        exported = {"client": "privacy export", "person": by, "at": at, "tickets": held.tickets}
        await connection.execute(_EXPORTED, exported)


async def reads(pool: Pool) -> list[PrivacyRead]:
    """List what was read, the oldest first. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_rows(connection, _LIST, PrivacyRead)


async def ticket_reads(pool: Pool, ticket_id: str) -> list[TicketRead]:
    """List who read a ticket in clear, the oldest first. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return await read_rows(connection, _OF_TICKET, TicketRead, {"ticket": ticket_id})
