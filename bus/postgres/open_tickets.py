"""The tickets that are not closed, from the read model `tickets`: for what looks at all of them."""

from collections.abc import Sequence
from typing import Final, LiteralString

from bus.domain.ticket import Ticket
from bus.postgres.pool import Connection
from bus.wire.codec import ticket_from_json

_OPEN: Final[LiteralString] = """
SELECT folded FROM tickets
WHERE state IN ('pending', 'assigned', 'in_progress', 'resolved') AND NOT historic AND ticket_id NOT LIKE 'V%'
ORDER BY ticket_id"""


async def open_tickets(connection: Connection) -> Sequence[Ticket]:
    """Read them, by number; without the imported past and virtual ones. Personal texts stay sealed."""
    return [ticket_from_json(folded) for (folded,) in await (await connection.execute(_OPEN)).fetchall()]
