"""A ticket's state as of an event: the same for every attempt, replay and redrive of that event."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bus.delivery.target import Call
from bus.domain.errors import StoreUnavailable
from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.intake.store_port import Store

KEPT = 1000  # tickets that are remembered: the next event wanted of one is mostly the one that follows


@dataclass(frozen=True, slots=True)
class TicketSnapshots:
    """Folds tickets from the last known version, by the log; a mended copy of an event changes no history.

    What is remembered has its personal texts sealed; `in_clear` opens them for each call.
    """

    store: Store
    in_clear: Callable[[Ticket], Awaitable[Ticket]]
    _known: OrderedDict[TicketId, tuple[int, Ticket]] = field(default_factory=OrderedDict)

    async def ticket_at(self, call: Call) -> Ticket:
        """Give the ticket as the call's event left it, within the time of the call. Raises StoreUnavailable."""
        try:
            async with asyncio.timeout(call.within_s):
                return await self._folded(call)
        except TimeoutError:
            raise StoreUnavailable("the ticket was not read in time") from None

    async def _folded(self, call: Call) -> Ticket:
        recorded = call.event
        version, ticket = self._known.get(recorded.ticket_id, (0, None))
        if version > recorded.version:
            version, ticket = 0, None
        if version < recorded.version:
            for one in await self._since(version, call):
                ticket = evolve(ticket, one)
        assert ticket is not None, "a delivery refers to an event"
        self._known[recorded.ticket_id] = (recorded.version, ticket)
        self._known.move_to_end(recorded.ticket_id)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return await self.in_clear(ticket)

    async def _since(self, version: int, call: Call) -> Sequence[Recorded]:
        """Give a ticket's events after a version, up to the call's; mostly that is the call's alone.

        A state takes personal texts from its first event alone, which is read as it is stored: sealed.
        """
        recorded = call.event
        if version and version + 1 == recorded.version and not call.mended:
            return (recorded,)
        return await self.store.events(recorded.ticket_id, after=version, until=recorded.version)
