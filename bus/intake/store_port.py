"""The port of the store to decide against; one contract suite holds for every implementation."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bus.domain.batch import BatchDecision, LoadedState, ReadSet
from bus.domain.events import Recorded
from bus.domain.events_page import PAGE_BYTES_MAX, EventsPage
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket


class Transaction(Protocol):
    """One all-or-nothing change. What `load` names stays locked until the end."""

    async def load(self, wanted: ReadSet) -> LoadedState:
        """Load and lock what a batch needs, in sorted order; unknown names are locked too, so that one opener wins."""
        ...

    async def append(self, settled: BatchDecision) -> None:
        """Append events, folded states, names, command ids and outbox rows. InvariantBroken on a version taken."""
        ...


class Store(Protocol):
    """Where a change becomes true."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: committed on a clean exit, rolled back otherwise. Raises StoreUnavailable."""
        ...

    async def ticket(self, ticket_id: TicketId) -> Ticket | None:
        """Read the folded state as last committed."""
        ...

    async def reported(self, ticket_id: TicketId, source: str) -> bool:
        """Say whether a source opened a ticket or has any other event there."""
        ...

    async def events_page(
        self, ticket_id: TicketId, *, after: int, most: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> EventsPage | None:
        """Read some events in order of version, those after a version; None when there is no such ticket.

        At most `most`, and no more once they hold `bytes_max` as stored; at least one, where there is one.
        """
        ...

    async def events(self, ticket_id: TicketId, *, after: int = 0, until: int | None = None) -> Sequence[Recorded]:
        """Read a ticket's events in order of version: those after a version, until one (included) if it is given."""
        ...
