"""Sends the probes of every route when they are due, and looks whether they come home; workers take turns."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bus.aio import until_one_ends
from bus.delivery.target import DeliveryFailed, ProbedTarget
from bus.delivery.vendor_words import fit_to_store
from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Request
from bus.domain.rules import Rules
from bus.intake.dispatch import utc_now
from bus.intake.sandbox import probe_requests
from bus.journey import probes
from bus.postgres.pool import Pool, connected
from bus.programs.rounds import in_rounds
from bus.stage_names import LOG_STAGES

LOOK_EVERY_S: Final = 1.0
TARGET_S_MAX: Final = 10.0
NOT_ACCEPTED: Final = "not accepted"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The bus's own probe, a note on a virtual ticket, and those of targets that can be asked.

    `records`: the broker's name of the log. `every` of zero: no probes. `unprobed`: targets that cannot be asked.
    """

    pool: Pool
    dispatch: Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]
    rules: Rules
    records: str
    every: timedelta
    within: timedelta
    targets: Mapping[str, ProbedTarget]
    unprobed: Sequence[str] = ()
    now: Callable[[], datetime] = utc_now

    async def run(self) -> None:
        """Send and follow until cancelled; a target that takes long holds up no other route."""
        if not self.every:
            await _rounds(partial(self._forget, [probes.OWN, *self.targets, *self.unprobed]))
        rounds = [partial(self.probe_target, name, target) for name, target in self.targets.items()]
        rounds.append(partial(self._forget, self.unprobed))
        await until_one_ends(_rounds(self.probe_bus), *map(_rounds, rounds))

    async def probe_bus(self) -> None:
        """Send the bus's own probe if it is due, and look where the last one is. Raises StoreUnavailable."""
        async with connected(self.pool) as connection:
            sent_at = await probes.take_turn(connection, probes.OWN, self.every, self.within)
        if sent_at:
            await self._send(sent_at)
        async with connected(self.pool) as connection:
            await probes.follow(connection, self.records, LOG_STAGES)

    async def probe_target(self, name: str, target: ProbedTarget) -> None:
        """Ask a target if it is due, and note what came of it. Raises StoreUnavailable."""
        async with connected(self.pool) as connection:
            sent_at = await probes.take_turn(connection, name, self.every, self.within)
        if sent_at is None:
            return
        failure = await _failure(target)
        async with connected(self.pool) as connection:
            if failure:
                log.warning("probe_failed", target=name, cause=failure)
                await probes.note_waits(connection, name, sent_at, failure)
            else:
                await probes.note_home(connection, name, sent_at)

    async def _send(self, sent_at: datetime) -> None:
        *_, note = await self.dispatch(probe_requests(sent_at, self.rules, self.now()))
        async with connected(self.pool) as connection:
            if isinstance(note, Accepted):
                await probes.note_sent(connection, sent_at, note.ticket_id, note.version)
            else:
                log.error("probe_refused", code=note.error.code)
                await probes.note_waits(connection, probes.OWN, sent_at, f"{NOT_ACCEPTED}: {note.error.code}")

    async def _forget(self, routes: Sequence[str]) -> None:
        async with connected(self.pool) as connection:
            await probes.forget(connection, routes)
        await asyncio.Event().wait()


async def _failure(target: ProbedTarget) -> str:
    """Ask a target; gives why it failed, fit to be stored, or nothing."""
    try:
        async with asyncio.timeout(2 * TARGET_S_MAX):  # it holds to its time by itself
            await target.probe(TARGET_S_MAX)
    except DeliveryFailed as failed:
        return fit_to_store(f"{failed} {failed.message}", ())
    except TimeoutError:
        return "no end in time"
    return ""


def _rounds(look: Callable[[], Awaitable[None]]) -> Coroutine[None, None, None]:
    return in_rounds(look, LOOK_EVERY_S, "not_probed")
