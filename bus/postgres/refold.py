"""Folds the states again that an earlier version stored, and that lack what this one's fold holds."""

from collections.abc import Iterable
from dataclasses import fields
from itertools import groupby
from operator import itemgetter
from typing import Final, LiteralString

from bus.archive.reader import NONE_ARCHIVED, ArchivedRows, archived_rows
from bus.domain.errors import ArchiveUnreadable, InvariantBroken, MalformedInput
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.postgres.pool import Connection, Pool, connected
from bus.postgres.store import columns
from bus.wire.codec import Codec, ticket_json

TICKETS: Final = 100  # in one transaction: of each all events are in memory
_NAMES: Final = [field.name for field in fields(Ticket)]
_LACKING: LiteralString = """
SELECT ticket_id, version FROM ticket_states WHERE ticket_id > %s AND NOT state ?& %s
ORDER BY ticket_id LIMIT %s FOR UPDATE"""
_EVENTS: LiteralString = """
SELECT ticket_id, value FROM events WHERE ticket_id = ANY(%(tickets)s) ORDER BY ticket_id, version"""
_PUT: LiteralString = """
UPDATE ticket_states s SET state = w.state FROM unnest(%b::text[], %b::jsonb[]) AS w (ticket_id, state)
WHERE s.ticket_id = w.ticket_id"""


async def fold_again(pool: Pool, codec: Codec) -> int:
    """Store the fold of each ticket whose stored state lacks a field, a transaction a batch; give how many.

    Harmless to repeat. What cannot be folded stays as it is, and `log verify` names it. Raises StoreUnavailable.
    """
    last, count = "", 0
    while True:
        async with connected(pool) as connection:
            found = await (await connection.execute(_LACKING, (last, _NAMES, TICKETS))).fetchall()
            versions = dict[str, int](found)
            archived = await _archived(connection, [*versions])
            asked = {"tickets": [*versions], **archived.asked}
            events = await (await connection.execute(archived.over(_EVENTS), asked, binary=True)).fetchall()
            folded = [
                (ticket_id, ticket_json(ticket).decode())
                for ticket_id, rows in groupby(events, itemgetter(0))
                if (ticket := _fold(codec, (value for _, value in rows))) and ticket.version == versions[ticket_id]
            ]
            await connection.execute(_PUT, columns(folded, 2))
        if not versions:
            return count
        last, count = [*versions][-1], count + len(folded)


async def _archived(connection: Connection, tickets: list[str]) -> ArchivedRows:
    """Read what files have; of a file that cannot be read here the tickets stay as they are."""
    try:
        return await archived_rows(connection, tickets)
    except ArchiveUnreadable:
        return NONE_ARCHIVED


def _fold(codec: Codec, values: Iterable[bytes]) -> Ticket | None:
    ticket: Ticket | None = None
    try:
        for value in values:
            ticket = evolve(ticket, codec.decode(value))
    except (InvariantBroken, MalformedInput):
        return None
    return ticket
