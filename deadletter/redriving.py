"""Carries a redrive out, from where it stands: after a kill it goes on, and sends no letter twice."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from bus.postgres.pool import Pool
from deadletter import redrives
from deadletter.redrive import End, Release, Wait, next_step
from deadletter.redrives import Redrive

BURST_S = 0.5  # of its rate, at most, goes at once


async def carry_out(
    pool: Pool, number: int, *, now: Callable[[], datetime], say: Callable[[Redrive], None] = lambda _: None
) -> End:
    """Send a frozen set step by step until it is done or stops by itself; gives how it ended.

    `say` is told whenever something was sent. Raises RedriveGone, StoreUnavailable: run it again then.
    """
    allowed, counted_at = 0.0, monotonic()
    while True:
        redrive = await redrives.read(pool, number)
        at, rate = monotonic(), redrive.rate_per_s
        allowed, counted_at = min(allowed + (at - counted_at) * rate, max(1.0, rate * BURST_S)), at
        match next_step(redrive.terms, redrive.progress, now=now(), allowed=int(allowed)):
            case Release(count=count):
                allowed -= await redrives.release(pool, redrive, count, now())
                say(redrive)
            case Wait(pause=pause):
                await asyncio.sleep(pause.total_seconds())
            case End() as ended:
                await redrives.end(pool, number, done=ended.done, why=ended.why, now=now())
                return ended
