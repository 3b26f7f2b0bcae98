"""Group commit: batches, back pressure, and whose failure is whose."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from bus.domain.batch import Outcome
from bus.domain.commands import Note, Request
from bus.domain.errors import InvariantBroken, StoreUnavailable
from bus.domain.rules import Rules
from bus.domain.terms import CommandId, TicketId, TraceId
from bus.gateway.write import group_commit
from bus.gateway.write.group_commit import BATCH_REQUESTS_MAX, GroupCommit
from bus.intake.dispatch import Dispatcher, utc_now
from bus.intake.memory_store import MemoryStore
from bus.intake.store_port import Store
from tests.gateway.fakes import RULES


def request(text: str = "x") -> Request:
    now = utc_now()
    return Request(
        command_id=CommandId(uuid4()), command=Note(text=text), source="s", actor="a", at=now, received_at=now,
        trace_id=TraceId("0" * 32), fingerprint="f", ticket_id=TicketId("T20261122-000001"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Dispatcher):
    """A dispatcher that waits for leave, keeps the sizes of its batches, and fails as told."""

    store: Store = field(default_factory=MemoryStore)
    rules: Rules = RULES
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    sizes: list[int] = field(default_factory=list)
    failures: list[Callable[[Sequence[Request]], None]] = field(default_factory=list)

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        await self.leave.wait()
        self.sizes.append(len(requests))
        for fail in self.failures:
            fail(requests)
        return await Dispatcher.dispatch(self, requests)


@asynccontextmanager
async def running(waiting_max: int = 4096) -> AsyncIterator[tuple[GroupCommit, Recording]]:
    dispatcher = Recording()
    group = GroupCommit(dispatcher, waiting_max=waiting_max)
    async with group.running():
        yield group, dispatcher


async def test_group_commit_what_arrives_while_a_transaction_runs_goes_into_the_next_together() -> None:
    async with running() as (group, dispatcher):
        tasks = [asyncio.create_task(group.submit([request()])) for _ in range(600)]
        await asyncio.sleep(0)
        dispatcher.leave.set()
        outcomes = await asyncio.gather(*tasks)
        assert all(len(one) == 1 for one in outcomes)
        assert sum(dispatcher.sizes) == 600
        assert max(dispatcher.sizes) == BATCH_REQUESTS_MAX
        assert len(dispatcher.sizes) <= 5


async def test_group_commit_each_caller_gets_the_outcomes_of_its_own_requests() -> None:
    async with running() as (group, dispatcher):
        dispatcher.leave.set()
        mine = [[request(), request()], [request()], [request(), request(), request()]]
        answers = await asyncio.gather(*(group.submit(one) for one in mine))
        assert [[o.command_id for o in a] for a in answers] == [[r.command_id for r in m] for m in mine]


async def test_group_commit_a_full_queue_turns_callers_away_at_once() -> None:
    async with running(waiting_max=3) as (group, dispatcher):
        tasks = [asyncio.create_task(group.submit([request()])) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable):
            await group.submit([request()])
        dispatcher.leave.set()
        assert len(await asyncio.gather(*tasks)) == 3


async def test_group_commit_a_store_that_is_away_or_silent_is_told_to_every_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(_requests: Sequence[Request]) -> None:
        raise StoreUnavailable("away for a test")

    async with running() as (group, dispatcher):
        dispatcher.failures.append(away)
        dispatcher.leave.set()
        answers = await asyncio.gather(*(group.submit([request()]) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in answers] == [StoreUnavailable] * 5
        dispatcher.failures.clear()
        dispatcher.leave.clear()
        monkeypatch.setattr(group_commit, "ANSWER_SECONDS_MAX", 0.05)
        with pytest.raises(StoreUnavailable):
            await group.submit([request()])
        monkeypatch.setattr(group_commit, "ANSWER_SECONDS_MAX", 60.0)
        with pytest.raises(StoreUnavailable):  # at once: the store is known to hang
            await group.submit([request()])
        dispatcher.leave.set()
        await asyncio.sleep(0.01)
        assert len(await group.submit([request()])) == 1


async def test_group_commit_one_request_that_breaks_an_invariant_fails_alone() -> None:
    def break_on_poison(requests: Sequence[Request]) -> None:
        if any(one.command == Note(text="poison") for one in requests):
            raise InvariantBroken("for a test")

    async with running() as (group, dispatcher):
        dispatcher.failures.append(break_on_poison)
        texts = ["a", "poison", "b"]
        tasks = [asyncio.create_task(group.submit([request(text)])) for text in texts]
        await asyncio.sleep(0)
        dispatcher.leave.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(one, InvariantBroken) for one in answers] == [False, True, False]


async def test_group_commit_what_waits_at_the_stop_is_still_answered() -> None:
    async with running() as (group, dispatcher):
        tasks = [asyncio.create_task(group.submit([request()])) for _ in range(20)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, dispatcher.leave.set)
    assert len(await asyncio.gather(*tasks)) == 20
