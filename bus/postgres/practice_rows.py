"""The virtual tickets that somebody practises on, as committed."""

from collections.abc import Sequence
from typing import Final, LiteralString

from bus.domain.terms import SANDBOX, State
from bus.domain.ticket import Ticket
from bus.postgres.pool import Connection
from bus.wire.codec import ticket_from_json

PRACTICES_MAX: Final = 20
_READ: Final[LiteralString] = """
SELECT state::text FROM ticket_states
WHERE ticket_id >= 'V' AND ticket_id < 'W' AND state ->> 'source' = %(source)s AND state ->> 'creator' = %(creator)s
    AND state ->> 'state' <> %(over)s
ORDER BY ticket_id DESC LIMIT %(most)s"""


async def open_practices(connection: Connection, creator: str) -> Sequence[Ticket]:
    """Read those that somebody opened and has not closed, the newest first."""
    asked = {"source": SANDBOX, "creator": creator, "over": State.CLOSED.value, "most": PRACTICES_MAX}
    return [ticket_from_json(state) for (state,) in await (await connection.execute(_READ, asked)).fetchall()]
