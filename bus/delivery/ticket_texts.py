"""A ticket's events in clear, whose personal texts a target may repeat in its words about any one of them."""

from collections.abc import Sequence
from typing import Final, LiteralString

from bus.archive.reader import event_values
from bus.domain.events import Recorded
from bus.domain.terms import TicketId
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Pool, connected

EVENTS_MAX: Final = 200  # of one ticket: its first, which has the customer, and its newest
_VALUES: LiteralString = """
(SELECT value FROM events WHERE ticket_id = %(ticket)s ORDER BY version LIMIT 1)
UNION ALL
(SELECT value FROM events WHERE ticket_id = %(ticket)s AND version > 1 ORDER BY version DESC LIMIT %(most)s)"""


async def ticket_events(pool: Pool, clear: ClearEvents, ticket_id: TicketId) -> Sequence[Recorded]:
    """Read a ticket's first event and its newest, at most EVENTS_MAX.

    Raises ArchiveUnreadable, and as ClearEvents.events.
    """
    async with connected(pool) as connection:
        values = await event_values(connection, _VALUES, {"ticket": ticket_id, "most": EVENTS_MAX - 1})
    return await clear.events(values)
