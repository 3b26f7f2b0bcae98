"""A dead-letter room without letters, for the tests of everything else: it takes orders, and holds nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from bus.gateway.ports import IdempotentRequest, StoredResponse
from bus.gateway.routes.deadletter_answers import RedriveAnswer
from bus.gateway.routes.deadletter_requests import (
    CheckEdit,
    DeadLetterRequest,
    DiscardLetters,
    DiscardQueue,
    EditLetter,
    FreezeRedrive,
    ListDeadLetters,
    ListLetters,
    MoveQueue,
    PauseDelivery,
    ResumeDelivery,
    RetryLetters,
    RunRedrive,
    StopRedrive,
)
from bus.postgres.personal_keys import Reader
from bus.wire.dead_letters import ListedLetter

REDRIVE: Mapping[str, Any] = {
    "query": {"target": "erp", "cause": None, "event": None, "kind": None}, "canary": 5, "watch_s": 10.0,
    "rate_per_s": 10.0, "approved_by": "sre", "approved_why": "w", "run_by": "sre",
    "frozen_at": "2026-11-22T12:00:00Z", "state": "running", "ended_at": None, "ended_why": None,
    "letters": 1, "released": 0, "left": 1, "delivered": 0, "failed": 0, "first_released_at": None,
}  # fmt: skip


@dataclass
class FakeDeadLetters:
    """Meets bus.gateway.ports.DeadLetterService."""

    done: list[tuple[DeadLetterRequest, IdempotentRequest]] = field(default_factory=list)
    found_groups: list[Mapping[str, Any]] = field(default_factory=list)
    found: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    found_redrives: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    targets: list[Mapping[str, Any]] = field(default_factory=list)
    read_by: list[Reader] = field(default_factory=list)
    refusal: Exception | None = None
    following: str | None = None
    left: int = 0

    async def groups(self, listing: ListDeadLetters) -> Sequence[Mapping[str, Any]]:
        del listing
        return self.found_groups

    async def letters(self, listing: ListLetters) -> Mapping[str, Any]:
        listed = set(ListedLetter.__annotations__)
        found = [one for one in self.found.values() if one["cause"] == listing.cause and one["id"] > listing.after]
        return {"letters": [{**dict.fromkeys(listed), **_of(one, listed)} for one in found], "next": None}

    async def letter(self, number: int, reader: Reader) -> Mapping[str, Any] | None:
        self.read_by.append(reader)
        return self.found.get(number)

    async def check(self, asked: CheckEdit, reader: Reader) -> Mapping[str, Any]:
        self.read_by.append(reader)
        if self.refusal:
            raise self.refusal
        letter = self.found.get(asked.letter)
        before = letter["editable"] if letter else {}
        after = asked.body or {**before, **asked.changes}
        return {"letter": asked.letter, "before": before, "after": after}

    async def redrive(self, number: int) -> Mapping[str, Any] | None:
        return self.found_redrives.get(number)

    async def redrives(self) -> Sequence[Mapping[str, Any]]:
        listed = set(RedriveAnswer.__annotations__)
        return [_of(one, listed) for one in self.found_redrives.values()]

    async def deliveries(self) -> Sequence[Mapping[str, Any]]:
        return self.targets

    async def act(self, order: DeadLetterRequest, deed: IdempotentRequest) -> StoredResponse:
        """Keep the order."""
        if self.refusal:
            raise self.refusal
        self.done.append((order, deed))
        answer = _answer(order)
        return StoredResponse(
            content={**answer, "next": self.following, "left": self.left} if "next" in answer else answer,
            repeated=False,
        )


def _of(row: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in names}


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
            return {**REDRIVE, "id": number}
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
