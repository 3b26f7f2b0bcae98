"""Runs redrives; after a crash another worker goes on, and no letter is sent twice."""

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime

import structlog

from bus.aio import Backoff
from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.errors import StoreUnavailable, Transient, cause_of
from bus.postgres.pool import Pool, in_transaction
from deadletter import redrive_store
from deadletter.records import Encode
from deadletter.redrive_policy import End
from deadletter.redrive_store import Redrive

LOOK_S, LOOK_S_MAX = 0.5, 2.0
PAUSE_S = 0.2  # between the steps of what is carried out
log = structlog.get_logger()


async def carry_out_running(pool: Pool, now: Callable[[], datetime], encode: Encode, report: AlertSink) -> None:
    """Carry out what was begun, a step of each in turn; until cancelled. Any number of workers may."""
    rest = Backoff(LOOK_S, LOOK_S_MAX)
    while True:
        pause_s = rest.pause_s()
        try:
            for number in await redrive_store.running(pool):
                pause_s = PAUSE_S
                rest.reset()
                if why := await _step(pool, number, now(), encode):
                    report(_stopped(number, why))
        except StoreUnavailable as error:
            log.warning("redrives_wait", cause=str(error))
        await asyncio.sleep(pause_s)


async def _step(pool: Pool, number: int, now: datetime, encode: Encode) -> str | None:
    """Take a step of a redrive; gives why it stopped by itself. One that cannot be carried out is stopped too."""
    try:
        step = await redrive_store.step(pool, number, now, encode)
    except Transient:
        raise
    except Exception as error:
        why = cause_of(error)
        log.exception("redrive_failed", redrive=number)
        await in_transaction(pool, redrive_store.end, number, done=False, why=why, now=now)
        return why
    return step.why if isinstance(step, End) and not step.done else None


async def watch(
    pool: Pool, number: int, *, say: Callable[[Redrive], None], by: str = "", two_persons: bool = False
) -> Redrive:
    """Begin a frozen set and follow it to its end. Raises RedriveGone, SecondPersonNeeded, StoreUnavailable."""
    await in_transaction(pool, functools.partial(redrive_store.begin, by=by, two_persons=two_persons), number)
    while (redrive := await in_transaction(pool, redrive_store.read, number)).state == "running":
        say(redrive)
        await asyncio.sleep(LOOK_S)
    say(redrive)
    return redrive


def _stopped(number: int, why: str) -> Alert:
    return Alert(
        rule=RuleName.REDRIVE_STOPPED,
        about=f"redrive {number}",
        zh=f"重发 {number} 已自动停止,其余死信未发送;用 deadletter redrive list 查看",
        en=f"redrive {number} stopped by itself, the rest is not sent: {why}",
    )
