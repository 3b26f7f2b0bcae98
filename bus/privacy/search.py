"""Finds all that PostgreSQL holds of the person with a phone: by every report, not by the newest ticket of a name."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from bus.archive.reader import archived_files, groups_of
from bus.domain.events import Recorded, ReportJoined, TicketOpened
from bus.domain.terms import KeyKind, TicketId
from bus.domain.ticket_keys import phones_of
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Pool, connected
from bus.privacy.bodies import clear_bodies, texts
from bus.privacy.phones import mentions
from schemas.catalogue import BY_CLASS

BATCH: Final = 100  # rows in memory at once; of one the bytes are at most 1 MiB
_REPORTS: LiteralString = """
SELECT ticket_id, version, value FROM events
WHERE ce_type = ANY(%(types)s) AND (ticket_id, version) > (%(ticket)s, %(version)s)
ORDER BY ticket_id, version LIMIT %(most)s"""
# Of no ticket: those of one are given with it.
_LETTERS: LiteralString = """
SELECT id, value FROM letters t
WHERE id > %(id)s AND NOT EXISTS (SELECT FROM ticket_states s WHERE s.ticket_id = t.ticket_id)
ORDER BY id LIMIT %(most)s"""
_REFUSED: LiteralString = """
SELECT id, body FROM refused_inputs t
WHERE id > %(id)s AND NOT EXISTS (SELECT FROM ticket_states s WHERE s.ticket_id = t.ticket_id)
ORDER BY id LIMIT %(most)s"""
_OF_TICKETS: LiteralString = """
SELECT (SELECT count(*) FROM letters WHERE ticket_id = ANY(%(tickets)s)),
       (SELECT count(*) FROM refused_inputs WHERE ticket_id = ANY(%(tickets)s))"""
_TYPES: Final = [BY_CLASS[cls].ce_type for cls in (TicketOpened, ReportJoined)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecords:
    """What is held of a phone: ticket numbers, and the ids of letters and refused inputs that belong to no ticket.

    `of_tickets`: how many letters and refused inputs belong to the tickets.
    """

    phone: str
    tickets: list[TicketId]
    letters: list[int]
    refused: list[int]
    of_tickets: tuple[int, int]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Give how many tickets, letters and refused inputs there are, of tickets or of none."""
        letters, refused = self.of_tickets
        return len(self.tickets), len(self.letters) + letters, len(self.refused) + refused

    def __bool__(self) -> bool:
        return bool(self.tickets or self.letters or self.refused)


async def find(pool: Pool, clear: ClearEvents, phone: str) -> PersonRecords:
    """Find all that is held of a phone, in its one spelling; reads every report, letter and refused input once.

    Archived reports too. Raises StoreUnavailable, RegistryUnavailable, ArchiveUnreadable, and InvariantBroken when an
    event cannot be read: none is left out.
    """
    tickets = await _tickets(pool, clear, phone)
    async with connected(pool) as connection:
        ((letters, refused),) = await (await connection.execute(_OF_TICKETS, {"tickets": tickets})).fetchall()
    return PersonRecords(
        phone=phone,
        tickets=tickets,
        of_tickets=(letters, refused),
        letters=[one async for one in _mentioning(pool, clear, phone, _LETTERS)],
        refused=[one async for one in _mentioning(pool, clear, phone, _REFUSED)],
    )


def reported_by(recorded: Recorded, phone: str) -> bool:
    """Say whether an event is a report of the customer with that phone, or about that phone. Pure."""
    event = recorded.event
    if not isinstance(event, TicketOpened | ReportJoined):
        return False
    key = event.incident_key
    return (
        phone in phones_of(event)
        or mentions(event.customer.phone, phone)  # of two in one field
        or (key.kind is KeyKind.PHONE and mentions(key.value, phone))
    )


async def _tickets(pool: Pool, clear: ClearEvents, phone: str) -> list[TicketId]:
    found = set[TicketId]()
    after: dict[str, Any] = {"ticket": "", "version": 0}
    while rows := await _rows(pool, _REPORTS, {"types": _TYPES, **after}):
        events = await clear.events([value for _, _, value in rows])
        found |= {one.ticket_id for one in events if reported_by(one, phone)}
        after = {"ticket": rows[-1][0], "version": rows[-1][1]}
    async with connected(pool) as connection:
        for file in await archived_files(connection):
            async for group in groups_of(connection, file):
                events = await clear.events([one.value for one in group if one.ce_type in _TYPES])
                found |= {one.ticket_id for one in events if reported_by(one, phone)}
    return sorted(found)


async def _mentioning(pool: Pool, clear: ClearEvents, phone: str, query: LiteralString) -> AsyncIterator[int]:
    after = 0
    while rows := await _rows(pool, query, {"id": after}):
        bodies = await clear_bodies(pool, clear, [body for _, body in rows])
        for (number, _), body in zip(rows, bodies, strict=True):
            if any(mentions(text, phone) for text in texts(body)):
                yield number
        after = rows[-1][0]


async def _rows(pool: Pool, query: LiteralString, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    async with connected(pool) as connection:
        return await (await connection.execute(query, {**asked, "most": BATCH})).fetchall()
