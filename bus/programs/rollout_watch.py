"""Watches rollouts: compares the two versions every few seconds, steps up, promotes or rolls back; by one worker."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from bus.delivery import rollout_store
from bus.delivery.rollout import Promote, RollBack, Rollout, RolloutState, StepUp, judge
from bus.domain.errors import Conflict, StoreUnavailable
from bus.domain.terms import BUS
from bus.domain.text import Text
from bus.postgres.advisory_locks import try_lock
from bus.postgres.pool import Connection, Pool, connected
from deadletter.dead_letter import Decision
from deadletter.records import Encode
from deadletter.undeclared import move_whole_queue

EVERY_S: Final = 5.0
log = structlog.get_logger()


async def watch_rollouts(pool: Pool, encode: Encode, now: Callable[[], datetime]) -> None:
    """Judge running rollouts, and bring back what waits for the new version of those that are over, until cancelled."""
    while True:
        try:
            async with connected(pool) as connection:
                await judge_running(connection, now())
            await move_back(pool, encode, now())
        except (StoreUnavailable, Conflict) as error:  # a person has ended it meanwhile: the next look tells
            log.warning("rollouts_not_judged", cause=str(error))
        await asyncio.sleep(EVERY_S)


async def judge_running(connection: Connection, now: datetime) -> None:
    """Judge each running rollout once, unless another worker does."""
    if not await try_lock(connection, "rollouts"):
        return
    for rollout in await rollout_store.latest_rollouts(connection):
        if rollout.state is RolloutState.RUNNING:
            await _judge(connection, rollout, now)


async def _judge(connection: Connection, rollout: Rollout, now: datetime) -> None:
    old = await rollout_store.figures(connection, rollout.target, rollout.started_at)
    new = await rollout_store.figures(connection, rollout.canary, rollout.step_at)
    match judge(rollout, old, new, now):
        case StepUp(percent=percent):
            if await rollout_store.step_up(connection, rollout, percent):
                log.info("rollout_steps_up", target=rollout.target, canary=rollout.canary, percent=percent)
        case Promote():
            why = Text("各步均不劣于旧版本", "no step was worse than the old version")
            await rollout_store.end(
                connection, rollout.target, RolloutState.PROMOTED, by=BUS, why=why, number=rollout.number
            )
            log.info("rollout_promoted", target=rollout.target, canary=rollout.canary)
        case RollBack(why=why):
            await rollout_store.end(
                connection, rollout.target, RolloutState.ROLLED_BACK, by=BUS, why=why, number=rollout.number
            )
            log.warning("rollout_rolled_back", target=rollout.target, canary=rollout.canary, why=why.en)
        case None:
            return


async def move_back(pool: Pool, encode: Encode, now: datetime) -> None:
    """Let what waits for the new version of an ended rollout wait for the old one, in order per ticket.

    What a call is under way for stays until it ended, and what may have taken effect there stays for good.
    """
    async with connected(pool) as connection:
        queues = await rollout_store.misplaced_queues(connection)
    for one in queues:
        decision = Decision(by=BUS, why=one.why, at=now)
        try:
            await move_whole_queue(pool, one.canary, one.target, decision, encode)
        except Conflict as error:
            log.warning("rollout_not_moved_back", canary=one.canary, cause=str(error))
