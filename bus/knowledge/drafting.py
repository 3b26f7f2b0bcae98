"""The handler that makes a draft of each ticket that is closed, in the transaction that moves its offsets (R21)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.domain.closing_events import ClosureConfirmed
from bus.domain.terms import is_synthetic
from bus.knowledge.pool import KnowledgePool
from bus.postgres.pool import Connection
from bus.wire.event_reader import EventReader
from bus.wire.record import Record

KNOWLEDGE_HANDLER: Final = "knowledge"
_BEGAN: Final[LiteralString] = "SELECT began_at FROM knowledge_pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftHandler:
    """Makes the drafts. The imported past, virtual tickets and what was closed before there was a pool make none."""

    events: EventReader
    knowledge: KnowledgePool
    now: Callable[[], datetime]
    name: str = KNOWLEDGE_HANDLER

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        """Make a draft of each ticket that these records close, once.

        Raises Transient, InvariantBroken.
        """
        closed = [
            one
            for _, one in await self.events.read(records)
            if isinstance(one.event, ClosureConfirmed) and not (one.historic or is_synthetic(one.ticket_id))
        ]
        if not closed:
            return
        ((began_at,),) = await (await connection.execute(_BEGAN)).fetchall()
        for ticket_id in dict.fromkeys(one.ticket_id for one in closed if one.recorded_at >= began_at):
            await self.knowledge.draft(connection, ticket_id, self.now())
