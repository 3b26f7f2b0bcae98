"""A dead-letter room without letters, for the tests of everything else: it takes orders, and holds nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.gateway.routes.deadletter_requests import (
    DeadLetterRequest,
    DiscardLetters,
    DiscardQueue,
    EditLetter,
    FreezeRedrive,
    ListDeadLetters,
    MoveQueue,
    PauseDelivery,
    ResumeDelivery,
    RetryLetters,
    RunRedrive,
    StopRedrive,
)
from bus.postgres.personal_keys import Reader

_REDRIVE: Mapping[str, Any] = {
    "query": {"target": "erp", "cause": None, "event": None, "kind": None}, "canary": 5, "watch_s": 10.0,
    "rate_per_s": 10.0, "approved_by": "sre", "approved_why": "w", "run_by": "sre",
    "frozen_at": "2026-11-22T12:00:00Z", "state": "running", "ended_at": None, "ended_why": None,
    "letters": 1, "released": 0, "left": 1, "delivered": 0, "failed": 0, "first_released_at": None,
}  # fmt: skip


@dataclass
class FakeDeadLetters:
    """Meets bus.gateway.ports.DeadLetterService."""

    done: list[tuple[DeadLetterRequest, IdempotentRequest]] = field(default_factory=list)

    async def groups(self, listing: ListDeadLetters) -> Sequence[Mapping[str, Any]]:
        del listing
        return []

    async def letter(self, number: int, reader: Reader) -> None:
        del number, reader

    async def redrives(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return []

    async def act(self, order: DeadLetterRequest, deed: IdempotentRequest) -> StoredResponse:
        """Keep the order."""
        self.done.append((order, deed))
        return StoredResponse(content=_answer(order), repeated=False)


def _answer(order: DeadLetterRequest) -> Mapping[str, Any]:
    """Answer in the shape of the real service, as if it were done."""
    match order:
        case RetryLetters(letters=letters):
            return {"retried": len(letters)}
        case DiscardLetters(letters=letters):
            return {"discarded": len(letters)}
        case EditLetter(letter=letter):
            return {"letter": letter + 1, "edited_from": letter}
        case FreezeRedrive():
            return {"id": 1, "letters": 1, "events": {"TicketOpened": 1}, "taken": 0, "worn": 0}
        case RunRedrive(redrive=number) | StopRedrive(redrive=number):
            return {**_REDRIVE, "id": number}
        case PauseDelivery(target=target, why=why):
            return {"target": target, "paused": why}
        case ResumeDelivery(target=target):
            return {"target": target, "paused": None}
        case DiscardQueue(target=target):
            return {"target": target, "discarded": 3, "letters": 1, "left": 0, "next": None}
        case MoveQueue(target=target, to=other):
            return {
                "target": target,
                "to": other,
                "moved": 3,
                "known": 1,
                "letters": 1,
                "left": 0,
                "not_taken": {},
                "next": None,
            }
        case _ as unknown:
            assert_never(unknown)
