"""A target that does what the test tells it, and keeps a ledger of its effects; couriers that run to it."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bus.alerts.alert import Alert
from bus.delivery.attempt import AttemptRunner
from bus.delivery.delivery_worker import DeliveryWorker
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, Target
from bus.delivery.targets_config import BreakerPolicy, RetryPolicy, TargetConfig
from bus.delivery.ticket_texts import ticket_events
from bus.domain.batch import Outcome
from bus.domain.commands import Request
from bus.postgres.pool import Pool
from deadletter import store as letters
from deadletter.rejected_inputs import MemoryRejectedInputs
from tests.databases import clear_on
from tests.delivery.deliveries import ERP
from tests.schemas.codecs import CODEC

Script = Callable[[Call], Awaitable[None]]
Dispatch = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]
QUICK = RetryPolicy(first_wait=timedelta(milliseconds=20), longest_wait=timedelta(milliseconds=200), attempts=12)


def plan(**own: Any) -> TargetConfig:
    """Give a target's policy, as patient as a test."""
    given = {
        "adapter": "scripted",
        "events": "all",
        "concurrency": 8,
        "rate_per_s": 10_000,
        "attempt_timeout": timedelta(seconds=2),
        "retry": QUICK,
        "breaker": BreakerPolicy(probe_every=timedelta(milliseconds=200)),
    }
    return TargetConfig.model_validate({**given, **own})


async def nothing(_call: Call) -> None:
    """Let the call through."""


@dataclass(slots=True, kw_only=True)
class Scripted:
    """Meets bus.delivery.target.Target. `before` and `after` the effect may fail the call, or hold it up."""

    idempotent: bool = False
    before: Script = nothing
    after: Script = nothing
    ledger: Counter[str] = field(default_factory=Counter)
    order: list[tuple[str, int]] = field(default_factory=list)
    asked: int = 0
    calls: int = 0
    side_by_side: int = 0
    under_way: int = 0
    found: list[Alert] = field(default_factory=list)

    async def send(self, call: Call) -> Effect:
        self.calls += 1
        self.under_way += 1
        self.side_by_side = max(self.side_by_side, self.under_way)
        try:
            await self.before(call)
            if not (self.idempotent and self.ledger[call.key]):
                self.ledger[call.key] += 1
                self.order.append((call.event.ticket_id, call.event.version))
            await self.after(call)
        finally:
            self.under_way -= 1
        return Effect(reference=f"bill of {call.event.ticket_id}/{call.event.version}")

    async def confirm(self, call: Call) -> Effect | None:
        self.asked += 1
        return Effect(reference="found") if self.ledger[call.key] else None

    async def close(self) -> None:
        pass


def fails(kind: FailureKind, times: int = 1, **own: Any) -> Script:
    """Fail the first calls of each event."""
    seen = Counter[str]()

    async def script(call: Call) -> None:
        seen[call.key] += 1
        if seen[call.key] <= times:
            raise DeliveryFailed(kind, own.pop("detail", "as told"), **own)

    return script


async def unwanted(_requests: Sequence[Request]) -> list[Outcome]:
    """Dispatch nothing: no script tells anything."""
    raise AssertionError("nothing was to be told")


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def delivery_worker(
    pool: Pool, target: Target, *, name: str = ERP, dispatch: Dispatch = unwanted, **own: Any
) -> DeliveryWorker:
    """Make a worker that calls a target."""
    terms, clear = plan(**own), clear_on(pool)
    caller = AttemptRunner(
        name=name,
        target=target,
        within_s=terms.attempt_timeout.total_seconds(),
        know=clear.know,
        decode=clear.decode,
        events_of=functools.partial(ticket_events, pool, clear),
        encode=CODEC.encode_record,
        dispatch=dispatch,
        refused=MemoryRejectedInputs(),
        now=utc_now,
    )
    return DeliveryWorker(
        name=name,
        config=terms,
        caller=caller,
        pool=pool,
        park=functools.partial(letters.post_deliveries, encode=CODEC.encode_record),
        now=utc_now,
        report=target.found.append if isinstance(target, Scripted) else list[Alert]().append,
    )


@asynccontextmanager
async def delivery_workers(
    pool: Pool, target: Target, count: int = 1, *, name: str = ERP, dispatch: Dispatch = unwanted, **own: Any
) -> AsyncIterator[None]:
    """Run couriers to a target for as long as the block lasts."""
    stopping = asyncio.Event()
    workers = [delivery_worker(pool, target, name=name, dispatch=dispatch, **own) for _ in range(count)]
    running = [asyncio.create_task(worker.run(stopping)) for worker in workers]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*running)
