"""A dry run: stores that write nothing, so that an import can be decided whole before anything is taken in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bus.intake.memory_store import MemoryStore, MemoryTransaction
from bus.wire.rejected_input import RejectedInput

TICKETS_HELD: Final = 2_000  # rows of one incident key come together, so that nothing else looks back


class TrialStore(MemoryStore):
    """Begins empty and holds the newest TICKETS_HELD tickets with their events, however many there are."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        """Open a transaction in memory."""
        async with super().transaction() as transaction:
            yield transaction
        self.drop_oldest(but=TICKETS_HELD)


class TrialRejectedInputs:
    """Keeps no refused input; the summary counts them."""

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        """Pass over the inputs."""
