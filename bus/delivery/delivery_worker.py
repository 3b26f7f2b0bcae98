"""Delivers to one target: claims rows, calls concurrently, settles; one transaction a turn."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random
from time import monotonic

import structlog

from bus.aio import Backoff, unless, wait
from bus.alerts.alert import AlertSink
from bus.delivery import metrics, queue, target_alerts, target_state
from bus.delivery.attempt import GRACE_S, AttemptRunner, FinishedAttempt
from bus.delivery.breaker import Breaker, admit, at_limit
from bus.delivery.dead_letter_port import Park, ParkedDelivery
from bus.delivery.due import due_next, postpone
from bus.delivery.queue import Claim
from bus.delivery.settlement import judge
from bus.delivery.targets_config import TargetConfig
from bus.domain import token_bucket
from bus.domain.delivery_state import is_breaker_open
from bus.domain.errors import Transient
from bus.domain.text import Text
from bus.postgres.pool import Pool, connected

# Deliveries added in this process wake the worker; polls find what falls due and what other workers gave up.
POLL_S_MIN, POLL_S_MAX = 0.05, 1.0
UNDER_WAY_S = 0.1  # while calls are under way, for more to claim meanwhile
RETRY_S = 1.0
SETTLE_S_MAX = 5.0  # of a lease, beyond its two calls
BURST_S = 0.1  # of its rate, a target may get at once

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class DeliveryWorker:
    """One target's worker in this process; any number of processes may have one. A turn is atomic."""

    name: str
    config: TargetConfig
    caller: AttemptRunner
    pool: Pool
    park: Park
    now: Callable[[], datetime]
    chance: Callable[[], float] = random
    report: AlertSink
    _under_way: dict[asyncio.Task[FinishedAttempt | None], Claim] = field(default_factory=dict)
    _finished: list[FinishedAttempt] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _due_at: datetime | None = None  # the next delivery that is known, or the breaker's probe
    _poll: Backoff = field(default_factory=lambda: Backoff(POLL_S_MIN, POLL_S_MAX))
    _recent: Sequence[bool] = ()  # of the last deliveries, which became letters
    _tokens: float = 0.0  # of the rate's token bucket, as of `_counted_at`
    _counted_at: float = field(default_factory=monotonic)

    def wake(self) -> None:
        """Signal that deliveries were added; cheap, never blocks."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set; calls under way are then given a short time to end and be settled."""
        begun = False
        try:
            while self._under_way or self._finished or not stopping.is_set():
                try:
                    if not begun:
                        await target_state.begin(self.pool, self.name)
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
            self._under_way.clear()

    async def _until_something_ends(self, stopping: asyncio.Event) -> None:
        if not self._under_way:
            until_due_s = (self._due_at - self.now()).total_seconds() if self._due_at else POLL_S_MAX
            await unless(stopping, wait(self._wake, max(0.0, min(self._poll.pause_s(), until_due_s))))
            if self._wake.is_set():
                self._poll.reset()
            self._wake.clear()
            return
        ended, _ = await asyncio.wait(self._under_way, timeout=UNDER_WAY_S, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            del self._under_way[task]
            if finished := task.result():
                self._finished.append(finished)

    async def _turn(self, stopping: asyncio.Event) -> list[Claim]:
        """Settle what came back and claim anew. Raises Transient, then all of it is done again."""
        now, free = self.now(), self._free()
        if not self._finished and free < 1:
            self._poll.reset()  # nothing was asked: the rate alone is waited for
            return []
        async with connected(self.pool) as connection:
            paused, resumed_at, stood = await target_state.read(connection, self.name, lock=False)
            if not target_state.at_rest(stood) or any(one.failure for one in self._finished):
                paused, resumed_at, stood = await target_state.read(connection, self.name, lock=True)
            judged = judge(
                self.name,
                self._finished,
                self.config,
                breaker=stood,
                recent=self._recent,
                now=now,
                not_before=now if paused else resumed_at,
                chance=self.chance,
            )
            held = await queue.settle(connection, self.name, judged.ended, judged.again, now)
            await postpone(connection, self.name, judged.postponed)
            parked = [one for one in judged.parked if queue.place_of(one.claim) in held]
            if parked:
                await self.park(connection, parked)
            if judged.pause:
                await target_state.hold(connection, self.name, str(judged.pause))
            held_up = paused or judged.pause or stopping.is_set()
            most, breaker = (0, judged.breaker) if held_up else self._admitted(judged.breaker, free, now)
            claims = await queue.claim(connection, self.name, most, now=now, lease=self._lease(), chance=self.chance())
            if breaker != stood:
                await target_state.write(connection, self.name, breaker)
            due_at = None if claims else await due_next(connection, self.name, after=now)
        self._due_at = min((at for at in (due_at, breaker.not_before) if at and at > now), default=None)
        if claims or self._finished:
            self._poll.reset()
        self._finished.clear()
        self._tokens = token_bucket.taken(self._tokens, len(claims))
        self._recent = [] if judged.pause else judged.recent
        self._tell(parked, None if paused else judged.pause, stood, judged.breaker)
        metrics.BREAKER_OPEN.labels(self.name).set(is_breaker_open(breaker))
        return claims

    def _free(self) -> int:
        """Give how many calls may begin, by the limits on concurrency and rate."""
        now = monotonic()
        elapsed_s, self._counted_at = now - self._counted_at, now
        self._tokens = token_bucket.filled(self._tokens, elapsed_s, rate_per_s=self.config.rate_per_s, burst_s=BURST_S)
        return min(self.config.concurrency - len(self._under_way), int(self._tokens))

    def _admitted(self, breaker: Breaker, free: int, now: datetime) -> tuple[int, Breaker]:
        """Apply the breaker: one probe while open; while it counts failures, no more calls than would open it."""
        limits = self.config.breaker_limits
        admitted = admit(breaker, limits, now) if free > 0 else None
        if admitted is None:
            return 0, breaker
        if at_limit(breaker, limits):
            return 1, admitted
        if breaker.failures:
            free = min(free, max(0, limits.failures - breaker.failures - len(self._under_way)))
        return free, admitted

    def _tell(self, parked: Sequence[ParkedDelivery], pause: Text | None, stood: Breaker, breaker: Breaker) -> None:
        """Report what a turn that is committed brought."""
        for one in parked:
            metrics.PARKED.labels(self.name, one.reason).inc()
            self.report(target_alerts.parked(one))
        if pause:
            self.report(target_alerts.paused(self.name, pause))
        if is_breaker_open(breaker) and not is_breaker_open(stood):
            self.report(target_alerts.breaker_open(self.name, breaker.failures))

    def _lease(self) -> timedelta:
        return 2 * (self.config.attempt_timeout + timedelta(seconds=GRACE_S)) + timedelta(seconds=SETTLE_S_MAX)
