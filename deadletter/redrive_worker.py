"""Carries redrives out, from where they stand: after a kill another worker goes on, and no letter is sent twice."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic

import structlog

from bus.alerts.alert import Alert, AlertRule, AlertSink, report
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import Pool, connected
from deadletter import redrive_store as redrives
from deadletter.redrive_policy import PAUSE, End, Release, Wait, next_step
from deadletter.redrive_store import Redrive

LOOK_S = 0.5
SIDE_BY_SIDE = 3  # in one worker: each holds a connection
BURST_S = 0.5  # of its rate, at most, goes at once
_MINE = "SELECT pg_try_advisory_xact_lock(0x72647276, %s)"  # "rdrv": one worker a redrive, for its rate
log = structlog.get_logger()


async def carry_out_running(pool: Pool, now: Callable[[], datetime], report: AlertSink = report) -> None:
    """Carry out, side by side, what was begun and no other worker carries out; until cancelled."""
    mine: dict[int, asyncio.Task[None]] = {}
    try:
        while True:
            try:
                for task in mine.values():
                    if task.done() and task.exception() is not None:
                        task.result()  # a bug: the worker ends, and says so
                mine = {number: task for number, task in mine.items() if not task.done()}
                for number in await redrives.running(pool):
                    if number not in mine and len(mine) < SIDE_BY_SIDE:
                        mine[number] = asyncio.create_task(_alone(pool, number, now, report))
            except StoreUnavailable as error:
                log.warning("redrives_wait", cause=str(error))
            await asyncio.sleep(LOOK_S)
    finally:
        for task in mine.values():
            task.cancel()
        await asyncio.gather(*mine.values(), return_exceptions=True)


async def _alone(pool: Pool, number: int, now: Callable[[], datetime], report: AlertSink) -> None:
    """Carry a redrive out if nobody else does: the lock is held by a transaction that does nothing else."""
    try:
        async with connected(pool) as connection:
            ((mine,),) = await (await connection.execute(_MINE, (number,))).fetchall()
            if mine:
                await carry_out(pool, number, now=now, report=report)
    except StoreUnavailable as error:
        log.warning("redrive_waits", redrive=number, cause=str(error))


async def carry_out(pool: Pool, number: int, *, now: Callable[[], datetime], report: AlertSink = report) -> None:
    """Send a set that was begun step by step, until it is done or stopped. Raises StoreUnavailable."""
    allowed, counted_at = 0.0, monotonic()
    while (redrive := await redrives.read(pool, number)).state == "running":
        at, rate = monotonic(), redrive.rate_per_s
        allowed, counted_at = min(allowed + (at - counted_at) * rate, max(1.0, rate * BURST_S)), at
        match next_step(redrive.terms, redrive.progress, now=now(), allowed=int(allowed)):
            case Release(count=count):
                allowed -= await redrives.release(pool, redrive, count, now())
                await asyncio.sleep(PAUSE.total_seconds())
            case Wait(pause=pause, watching=watching):
                await asyncio.sleep(pause.total_seconds())
                if watching:  # the rate begins with the rest
                    allowed, counted_at = 0.0, monotonic()
            case End(done=done, why=why):
                ended = await redrives.end(pool, number, done=done, why=why, now=now())
                if ended and not done:
                    report(_stopped(number, why))


async def watch(pool: Pool, number: int, *, say: Callable[[Redrive], None]) -> Redrive:
    """Begin a frozen set and follow it to its end. Raises RedriveGone, StoreUnavailable."""
    await redrives.begin(pool, number)
    while (redrive := await redrives.read(pool, number)).state == "running":
        say(redrive)
        await asyncio.sleep(LOOK_S)
    say(redrive)
    return redrive


def _stopped(number: int, why: str) -> Alert:
    return Alert(
        rule=AlertRule.REDRIVE_STOPPED,
        about=f"redrive {number}",
        zh=f"重发 {number} 已自动停止,其余死信未发送;用 deadletter redrive list 查看",
        en=f"redrive {number} stopped by itself, the rest is not sent: {why}",
    )
