"""Who is there for tickets that are routed: candidates locked in one order, and what each has to do (R5)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString

from bus.domain.batch import BatchDecision
from bus.domain.calendars import Calendars
from bus.domain.people import Person
from bus.domain.routed import TicketRouted
from bus.domain.routing import PersonLoad, Staff, candidates
from bus.domain.routing_rules import ASSIGNING
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import plain_number
from bus.postgres.people_rows import PERSON, key_about
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import Connection

CLOSED_COUNTED: Final = 100  # of somebody's newest tickets, for their first-time fixes
CLOSED_MIN: Final = 5  # fewer tell nothing
_PRESENT: Final[LiteralString] = "SELECT person, profile FROM people WHERE left_at IS NULL"
_LEFT: Final[LiteralString] = "SELECT person FROM people WHERE left_at IS NOT NULL AND person = ANY(%s)"
# Before the lock: what a moment does not change. A first-time fix has had one person and was never open again; who
# was offered it and did not claim it has not had it, which the read model `outcomes` knows of one that went on.
_FIRST_FIX: Final[LiteralString] = """
SELECT w.person, count(*), 100 * count(*) FILTER (WHERE fixed_first) / count(*)
FROM unnest(%s::text[]) AS w (person) CROSS JOIN LATERAL (
    SELECT reopens = 0 AND (reassignments = 0 OR (
        SELECT cardinality(handlers) = 1 FROM ticket_outcomes o WHERE o.ticket_id = t.ticket_id)) AS fixed_first
    FROM tickets t WHERE assignee = w.person AND state = 'closed' ORDER BY ticket_id DESC LIMIT %s) closed
GROUP BY w.person"""
_VISITORS: Final[LiteralString] = """
SELECT w.serial, last.assignee FROM unnest(%s::text[], %s::text[]) AS w (serial, ticket_id) CROSS JOIN LATERAL (
    SELECT t.assignee FROM device_history h JOIN tickets t USING (ticket_id)
    WHERE h.serial = w.serial AND h.ticket_id <> w.ticket_id AND t.assignee <> ''
    ORDER BY h.opened_at DESC LIMIT 1) last"""
_LOCK: Final[LiteralString] = """
SELECT person, assigned_at FROM people WHERE person = ANY(%s) AND left_at IS NULL ORDER BY person FOR UPDATE"""
_COUNT: Final[LiteralString] = "SELECT handler, count(*) FROM ticket_states WHERE handler = ANY(%s) GROUP BY handler"
_ASSIGNED: Final[LiteralString] = "UPDATE people SET assigned_at = %s WHERE person = %s"


async def staff_for(
    connection: Connection,
    keys: PersonalKeys,
    routes: Sequence[tuple[Ticket | None, datetime]],
    calendars: Calendars,
) -> Staff:
    """Load who is there, lock the candidates of these tickets until the transaction ends, then count their tickets.

    What another transaction assigned before it let go of a candidate is counted, so that nobody is overfilled.
    """
    wanted = [(ticket, at) for ticket, at in routes if ticket]
    if not wanted:
        return Staff()
    rows = await (await connection.execute(_PRESENT)).fetchall()
    people = {name: PERSON.validate_python(profile, strict=False) for name, profile in rows}
    names = sorted({name for ticket, at in wanted for name in candidates(ticket, people, calendars, at)})
    rates = await (await connection.execute(_FIRST_FIX, (names, CLOSED_COUNTED))).fetchall()
    fixed = {name: rate for name, count, rate in rates if count >= CLOSED_MIN}
    devices = [(plain_number(ticket.serial), ticket.ticket_id) for ticket, _ in wanted if ticket.serial]
    serials, tickets = [serial for serial, _ in devices], [ticket for _, ticket in devices]
    visitors = await (await connection.execute(_VISITORS, (serials, tickets))).fetchall() if devices else []
    locked: dict[str, datetime | None] = dict(await (await connection.execute(_LOCK, (names,))).fetchall())
    counts: dict[str, int] = dict(await (await connection.execute(_COUNT, (names,))).fetchall())
    present = {name: one for name, one in people.items() if name in locked or name not in names}
    return Staff(
        people=await _in_clear(connection, keys, present, names),
        loads={
            name: PersonLoad(open_tickets=counts.get(name, 0), assigned_at=at, first_fix=fixed.get(name))
            for name, at in locked.items()
        },
        visitors=dict(visitors),
    )


async def present_people(connection: Connection, wanted: Sequence[str]) -> frozenset[str]:
    """Name all who are there, where somebody is asked for; a refusal names the nearest of them."""
    if not wanted:
        return frozenset()
    return frozenset(name for name, _ in await (await connection.execute(_PRESENT)).fetchall())


async def who_left(connection: Connection, people: Collection[str]) -> frozenset[str]:
    """Name those of some people who have left the directory; whoever was never there has not."""
    if not people:
        return frozenset()
    rows = await (await connection.execute(_LEFT, ([*people],))).fetchall()
    return frozenset(name for (name,) in rows)


async def note_assigned(connection: Connection, settled: BatchDecision) -> None:
    """Note when each was assigned a ticket by the bus: who waits longest comes first among equals."""
    for one in settled.events:
        if isinstance(one.event, TicketRouted) and one.event.mode in ASSIGNING and one.event.person:
            await connection.execute(_ASSIGNED, (one.recorded_at, one.event.person))


async def _in_clear(
    connection: Connection, keys: PersonalKeys, people: Mapping[str, Person], names: Sequence[str]
) -> Mapping[str, Person]:
    """Open the contacts of candidates and of who stands in for them: an assignment names both."""
    needed = {*names, *(people[name].backup for name in names if name in people)} & people.keys()
    opened = await keys.opened_records(connection, [(key_about(name), people[name]) for name in sorted(needed)])
    return {**people, **{one.person: one for one in opened}}
