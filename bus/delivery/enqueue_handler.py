"""The stage of deliveries: each event of the log becomes a row for every target that wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.delivery import queue
from bus.delivery.targets_config import TargetsConfig
from bus.postgres.pool import Connection
from bus.wire.event_reader import EventReader
from bus.wire.record import Record

DELIVERIES_HANDLER = "deliveries"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueHandler:
    """Adds a delivery per event and target, in the transaction that moves the stage's offsets.

    The targets file says which; imported history is delivered to nobody.
    """

    events: EventReader
    config: TargetsConfig
    now: Callable[[], datetime]
    name: str = DELIVERIES_HANDLER

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        if not self.config.targets:
            return
        some = [
            queue.NewDelivery(target=target, ticket_id=one.ticket_id, version=one.version)
            for _, one in await self.events.read(records)
            for target in self.config.wants(one)
        ]
        if some:
            await queue.add(connection, some, self.now())
