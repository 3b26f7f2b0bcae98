"""A dead-letter room without letters, for the tests of everything else: it takes orders, and holds nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.gateway.routes.deadletter_answers import EditedAnswer, FrozenAnswer, RedriveAnswer
from bus.gateway.routes.deadletter_requests import DeadLetterRequest, ListDeadLetters
from tests.gateway.described import blank


@dataclass
class FakeDeadLetters:
    """Meets bus.gateway.ports.DeadLetterService."""

    done: list[tuple[DeadLetterRequest, IdempotentRequest]] = field(default_factory=list)

    async def groups(self, listing: ListDeadLetters) -> Sequence[Mapping[str, Any]]:
        del listing
        return []

    async def letter(self, number: int) -> None:
        del number

    async def redrives(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def act(self, order: DeadLetterRequest, deed: IdempotentRequest) -> StoredResponse:
        """Keep the order."""
        self.done.append((order, deed))
        return StoredResponse(
            content={**blank(FrozenAnswer), **blank(RedriveAnswer), **blank(EditedAnswer)}, repeated=False
        )
