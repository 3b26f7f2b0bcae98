"""Holds the folded states of PostgreSQL against the events that they are folded from."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import LiteralString

from bus.archive.reader import archived_rows
from bus.consistency.report import Difference, LogReport
from bus.domain.errors import InvariantBroken, MalformedInput
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.postgres.pool import Pool, connected, snapshot
from bus.wire.codec import Codec, ticket_from_json
from schemas.topics import LOG

TICKETS = 500  # folded at a time: memory stays flat

_ORPHANS = """
SELECT ticket_id, version FROM events e
WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.ticket_id = e.ticket_id AND o.version = e.version AND o.topic = %s)"""
_GAPS = """
SELECT e.ticket_id, count(*), max(e.version), coalesce(s.version, 0)
FROM events e LEFT JOIN ticket_states s USING (ticket_id) GROUP BY e.ticket_id, s.version
HAVING (max(e.version) <> count(*) OR min(e.version) <> 1 OR max(e.version) <> coalesce(s.version, 0)) AND NOT EXISTS (
    SELECT FROM archived_months m WHERE e.ticket_id BETWEEN m.first_ticket AND m.last_ticket)"""
# Of tickets that files may have events of, gaps are found as they are folded.
_STATES = """
SELECT ticket_id, state, EXISTS (
    SELECT FROM archived_months m WHERE s.ticket_id BETWEEN m.first_ticket AND m.last_ticket)
FROM ticket_states s WHERE ticket_id > %s ORDER BY ticket_id LIMIT %s"""
_EVENTS: LiteralString = """
SELECT ticket_id, value FROM events WHERE ticket_id = ANY(%(tickets)s) ORDER BY ticket_id, version"""


async def check_states(pool: Pool, codec: Codec, report: LogReport) -> None:
    """Find gaps, events that were never queued, and states that are not the fold of their events.

    Raises StoreUnavailable, ArchiveUnreadable.
    """
    async with connected(pool) as connection:
        for ticket_id, count, last, state in await (await connection.execute(_GAPS)).fetchall():
            report.add(Difference("gap", ticket_id, last, f"{count} events, state at version {state}"))
        for ticket_id, version in await (await connection.execute(_ORPHANS, (LOG,))).fetchall():
            report.add(Difference("never_queued", ticket_id, version, "postgres"))
    last = ""
    while True:
        async with snapshot(pool) as connection:
            states = await (await connection.execute(_STATES, (last, TICKETS))).fetchall()
            ids = [ticket_id for ticket_id, *_ in states]
            archived = await archived_rows(connection, [ticket_id for ticket_id, _, some in states if some])
            asked = {"tickets": ids, **archived.asked}
            events = await (await connection.execute(archived.over(_EVENTS), asked, binary=True)).fetchall()
        if not states:
            return
        last = ids[-1]
        values = {ticket_id: [value for _, value in some] for ticket_id, some in groupby(events, itemgetter(0))}
        for ticket_id, state, in_archive in states:
            found = _difference(codec, ticket_from_json(state), values.get(ticket_id, ()))
            if found and (found.kind != "gap" or in_archive or ticket_id not in values):
                report.add(found)


def _difference(codec: Codec, state: Ticket, values: Sequence[bytes]) -> Difference | None:
    ticket: Ticket | None = None
    try:
        for value in values:
            ticket = evolve(ticket, codec.decode(value))
    except MalformedInput as error:
        known = ticket.version if ticket else 0
        return Difference("unreadable_in_postgres", state.ticket_id, known + 1, error.en)
    except InvariantBroken:
        known = ticket.version if ticket else 0
        return Difference("gap", state.ticket_id, known, f"{len(values)} events, state at version {state.version}")
    if ticket is None:
        return Difference("gap", state.ticket_id, 0, f"no events, state at version {state.version}")
    if ticket.version != state.version:
        return Difference("gap", state.ticket_id, ticket.version, f"state at version {state.version}")
    if ticket == state:
        return None
    return Difference("state", state.ticket_id, state.version, "the stored state is not the fold of its events")
