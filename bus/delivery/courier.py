"""Brings deliveries to one target: claims, calls side by side, and settles, one transaction a turn."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random
from time import monotonic

import structlog

from bus.delivery import gate, metrics, queue
from bus.delivery.breaker import Breaker, admit, failed, is_open, succeeded
from bus.delivery.calling import GRACE_S, Caller, Finished
from bus.delivery.flood import LAST, flooded
from bus.delivery.parking import Park, Parked
from bus.delivery.plan import TargetPlan
from bus.delivery.queue import Again, Claim, Ended, Settled
from bus.delivery.triage import Discard, Failure, Retry, Tried, asked_wait_s, triage
from bus.delivery.triage import Park as Parks
from bus.errors import Transient
from bus.postgres.pool import Connection, Pool, connected
from bus.waiting import wait

IDLE_S = 0.1
RETRY_S = 1.0
SETTLE_S_MAX = 5.0  # of a lease, beyond its two calls
BURST_S = 0.1  # of its rate, a target may get at once

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Courier:
    """One target in this process; any number of workers may run one for it. Nothing of a turn is half done."""

    name: str
    plan: TargetPlan
    caller: Caller
    pool: Pool
    park: Park
    now: Callable[[], datetime]
    chance: Callable[[], float] = random
    _under_way: dict[asyncio.Task[Finished], Claim] = field(default_factory=dict)
    _finished: list[Finished] = field(default_factory=list)
    _recent: list[bool] = field(default_factory=list)  # of the last deliveries, which became letters
    _allowed: float = 0.0
    _counted_at: float = field(default_factory=monotonic)

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set; then what is under way ends and is settled, if it does so soon."""
        begun = False
        try:
            while self._under_way or self._finished or not stopping.is_set():
                try:
                    if not begun:
                        await gate.begin(self.pool, self.name)
                        begun = True
                    claims = await self._turn(stopping)
                except Transient as error:
                    log.warning("delivery_waits", target=self.name, error=str(error))
                    await wait(stopping, RETRY_S)
                    continue
                for claim in claims:
                    self._under_way[asyncio.create_task(self.caller.attempt(claim))] = claim
                metrics.UNDER_WAY.labels(self.name).set(len(self._under_way))
                await self._until_something_ends(stopping)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _until_something_ends(self, stopping: asyncio.Event) -> None:
        if not self._under_way:
            await wait(stopping, IDLE_S)
            return
        ended, _ = await asyncio.wait(self._under_way, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            del self._under_way[task]
            self._finished.append(task.result())

    async def _turn(self, stopping: asyncio.Event) -> list[Claim]:
        """Settle what came back and claim anew. Raises Transient, then all of it is done again."""
        now, free = self.now(), self._free()
        if not self._finished and not free:
            return []
        async with connected(self.pool) as connection:
            paused, breaker = await gate.read(connection, self.name, lock=False)
            stood = breaker
            if not gate.at_rest(breaker, now) or any(one.failure for one in self._finished):
                paused, breaker = await gate.read(connection, self.name, lock=True)
                stood = breaker
            breaker = await self._settle(connection, breaker, now)
            most, breaker = (0, breaker) if paused or stopping.is_set() else self._admitted(breaker, free, now)
            claims = await queue.claim(connection, self.name, most, now=now, lease=self._lease())
            if breaker != stood:
                await gate.write(connection, self.name, breaker)
        self._finished.clear()
        self._allowed -= len(claims)
        metrics.BREAKER_OPEN.labels(self.name).set(is_open(breaker, self.plan.breaker_limits))
        return claims

    def _free(self) -> int:
        """Say how many calls may begin: as many as are allowed side by side, and by the rate."""
        now, rate = monotonic(), self.plan.rate_per_s
        self._allowed = min(self._allowed + (now - self._counted_at) * rate, max(1.0, rate * BURST_S))
        self._counted_at = now
        return min(self.plan.concurrency - len(self._under_way), int(self._allowed))

    def _admitted(self, breaker: Breaker, free: int, now: datetime) -> tuple[int, Breaker]:
        """Ask the breaker: while it is open one probe, while it counts no more calls than would open it."""
        limits = self.plan.breaker_limits
        admitted = admit(breaker, limits, now) if free > 0 else None
        if admitted is None:
            return 0, breaker
        if is_open(breaker, limits):
            return 1, admitted
        if breaker.failures:
            free = min(free, max(0, limits.failures - breaker.failures - len(self._under_way)))
        return free, admitted

    async def _settle(self, connection: Connection, breaker: Breaker, now: datetime) -> Breaker:
        """Settle what came back, park what is given up, and tell the breaker."""
        limits, ended, again, parked = self.plan.breaker_limits, list[Ended](), list[Again](), list[Parked]()
        for one in self._finished:
            if one.failure is None:
                reference = one.effect.reference if one.effect else ""
                ended.append(Ended(claim=one.claim, how=Settled.DONE, reference=reference))
                breaker = succeeded(breaker, limits)
                continue
            probe = is_open(breaker, limits)
            failure = Failure(kind=one.failure.kind, event=one.event, retry_after_s=one.failure.retry_after_s)
            asked = asked_wait_s(failure, self.plan.limits)
            breaker = failed(breaker, failure.kind, limits, now, asked_wait_s=asked)
            told = _told(one, probe=probe, at=now)
            match triage(failure, _tried(one.claim, told, now), self.plan.limits, now=now, jitter=self.chance()):
                case Retry(at=at):
                    again.append(Again(claim=one.claim, at=at, unsure=one.unsure, failure=told))
                case Parks(reason=reason):
                    again.append(Again(claim=one.claim, at=now, unsure=one.unsure, failure=told, parked=True))
                    parked.append(
                        Parked(
                            target=self.name,
                            claim=one.claim,
                            event=one.event,
                            trace_id=one.trace_id,
                            reason=reason,
                            failure=told,
                            at=now,
                        )
                    )
                case Discard(reason=reason):
                    ended.append(Ended(claim=one.claim, how=Settled.DISCARDED, reference=reason))
        held = await queue.settle(connection, self.name, ended, again, now)
        await self._park(connection, [one for one in parked if one.claim.ticket_id in held])
        self._recent += [False] * len(ended) + [True] * len(parked)
        if why := flooded(self._recent):
            await gate.hold(connection, self.name, why)
            log.error("delivery_paused", target=self.name, why=why)
            self._recent.clear()
        del self._recent[:-LAST]
        return breaker

    async def _park(self, connection: Connection, parked: Sequence[Parked]) -> None:
        if parked:
            await self.park(connection, parked)
        for one in parked:
            metrics.PARKED.labels(self.name, one.reason).inc()
            log.error(
                "delivery_parked",
                target=self.name,
                ticket_id=one.claim.ticket_id,
                version=one.claim.version,
                trace_id=one.trace_id,
                reason=one.reason,
                kind=one.failure["kind"],
            )

    def _lease(self) -> timedelta:
        return 2 * (self.plan.attempt_timeout + timedelta(seconds=GRACE_S)) + timedelta(seconds=SETTLE_S_MAX)


def _told(one: Finished, *, probe: bool, at: datetime) -> dict[str, object]:
    """Write a failure down, for the row and for whoever reads its letter."""
    assert one.failure is not None
    failure = one.failure
    told: dict[str, object] = {"at": at.isoformat(), "kind": failure.kind.value, "detail": failure.detail}
    optional = {"status": failure.status, "code": failure.code or None, "probe": probe or None}
    return told | {name: value for name, value in optional.items() if value is not None}


def _tried(claim: Claim, told: dict[str, object], now: datetime) -> Tried:
    """Sum up what the row has behind it; a probe of a target that is down says nothing of the row."""
    counted = sum(one["kind"] == told["kind"] and not one.get("probe") for one in (*claim.failures, told))
    since = datetime.fromisoformat(claim.failures[0]["at"]) if claim.failures else now
    return Tried(since=since, attempts=claim.attempt, counted=counted)
