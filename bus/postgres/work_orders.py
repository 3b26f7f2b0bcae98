"""What deciding about work orders needs beside the states: their templates, and the roles of who approves (R48)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, LiteralString

from bus.archive.reader import event_values
from bus.domain.errors import ArchiveUnreadable
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.domain.work_order_events import WorkOrderStarted
from bus.domain.work_template import WorkOrderTemplate
from bus.postgres.pool import Connection

Read = Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]
_STARTED: Final[LiteralString] = """
SELECT e.value FROM unnest(%s::text[], %s::int[]) AS w (ticket_id, version) JOIN events e USING (ticket_id, version)"""
_ARCHIVED: Final[LiteralString] = """
SELECT e.value FROM events e WHERE e.ticket_id = %(ticket)s AND e.version = %(version)s"""
_ROLES: Final[LiteralString] = """
SELECT person, profile->>'role' FROM people WHERE person = ANY(%s) AND left_at IS NULL"""


async def templates_of(
    connection: Connection, tickets: Iterable[Ticket], read: Read
) -> dict[TicketId, WorkOrderTemplate]:
    """Read what the work orders of tickets follow, out of the events that started them, archived ones as well.

    Of an archive that cannot be read here a template is left out: other commands of the batch go on.
    """
    started = {one.ticket_id: one.work_order.started_in for one in tickets if one.work_order}
    if not started:
        return {}
    places = ([*started.keys()], [*started.values()])
    rows = await (await connection.execute(_STARTED, places, binary=True)).fetchall()
    found = {one.ticket_id: one for one in await read([value for (value,) in rows])}
    for ticket_id in started.keys() - found.keys():
        asked = {"ticket": ticket_id, "version": started[ticket_id]}
        with suppress(ArchiveUnreadable):
            found |= {one.ticket_id: one for one in await read(await event_values(connection, _ARCHIVED, asked))}
    return {
        ticket_id: one.event.template for ticket_id, one in found.items() if isinstance(one.event, WorkOrderStarted)
    }


async def roles_of(connection: Connection, people: Sequence[str]) -> dict[str, str]:
    """Read the role of each of these people that the directory has; who left has none."""
    if not people:
        return {}
    return dict(await (await connection.execute(_ROLES, (list(people),))).fetchall())
