"""The repairs of a device out of the read model `history` (R26)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from bus.postgres.pool import Connection, read_rows

_READ: Final[LiteralString] = """
SELECT h.ticket_id, h.type, h.title, h.opened_at, h.resolved_at, h.closed_at, h.root_cause, h.summary, h.parts,
    t.state, t.region, t.assignee
FROM device_history h JOIN tickets t USING (ticket_id)
WHERE h.serial = %(serial)s AND (cardinality(%(regions)s::text[]) = 0 OR t.region = ANY(%(regions)s))
ORDER BY h.opened_at DESC, h.ticket_id DESC LIMIT %(most)s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairRow:
    """A repair of a device: its ticket as it stands, who has or had it, and the parts that were replaced."""

    ticket_id: str
    type: str
    title: str
    opened_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None
    root_cause: str
    summary: str
    parts: list[dict[str, Any]]
    state: str
    region: str
    assignee: str


async def repairs_of(connection: Connection, serial: str, regions: Sequence[str], most: int) -> Sequence[RepairRow]:
    """Read the repairs of a device by its plain serial number, the newest first; of these regions, or of all."""
    return await read_rows(connection, _READ, RepairRow, {"serial": serial, "regions": list(regions), "most": most})
