"""The open tickets, as committed, for what looks at all of them: without the imported past and virtual ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString

from bus.domain.dwell import TicketInState
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.postgres.pool import Connection
from bus.wire.codec import ticket_from_json

# The column board_state is null of those that are left out.
_WHOLE: Final[LiteralString] = "SELECT state::text FROM ticket_states WHERE board_state <> 'closed' ORDER BY ticket_id"
_IN_STATE: Final[LiteralString] = """
SELECT ticket_id, trace_id, board_state, state ->> 'region', state #>> '{assignee,person}', board_since
FROM ticket_states
WHERE board_state <> 'closed' AND (%(regions)s::text[] = '{}' OR state ->> 'region' = ANY(%(regions)s))
ORDER BY ticket_id"""


async def open_tickets(connection: Connection) -> Sequence[Ticket]:
    """Read them whole, by number. Personal texts stay sealed."""
    return [ticket_from_json(state) for (state,) in await (await connection.execute(_WHOLE)).fetchall()]


async def tickets_in_state(connection: Connection, regions: Sequence[str] = ()) -> Sequence[TicketInState]:
    """Read no more than is measured of their dwell, by number; of these regions alone, or of all.

    5,000 of them take 13 ms of CPU here, and 600 ms as whole tickets: a page that is live asks every ten seconds.
    """
    rows = await (await connection.execute(_IN_STATE, {"regions": list(regions)})).fetchall()
    return [
        TicketInState(
            ticket_id=ticket_id,
            trace_id=trace_id,
            state=State(state),
            region=region,
            assignee=assignee,
            since=datetime.fromisoformat(since),
        )
        for ticket_id, trace_id, state, region, assignee, since in rows
    ]
