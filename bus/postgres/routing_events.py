"""The events of routing and assignment since a time, from the log; archived months are not asked."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bus.domain.events import Recorded, TicketAssigned
from bus.domain.routed import TicketRouted
from bus.postgres.pool import Connection
from schemas.catalogue import BY_CLASS

_READ: Final[LiteralString] = """
SELECT value FROM events
WHERE event_id >= %s AND ce_type = ANY(%s) AND NOT historic AND ticket_id < 'V' ORDER BY ticket_id, version"""


async def read_routing_events(
    connection: Connection, since: datetime, read: Callable[[Sequence[bytes]], Awaitable[Sequence[Recorded]]]
) -> Sequence[Recorded]:
    """Read them in order of ticket and version, without virtual tickets and the imported past."""
    first = UUID(int=int(since.timestamp() * 1000) << 80)  # event ids are in order of when they were made
    kinds = [BY_CLASS[one].ce_type for one in (TicketRouted, TicketAssigned)]
    rows = await (await connection.execute(_READ, (first, kinds), binary=True)).fetchall()
    return await read([value for (value,) in rows])
