"""The timer of a process manager: claims deadlines that have passed and dispatches the commands wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bus.aio import wait
from bus.domain.batch_decider import Outcome, Refused
from bus.domain.commands import Request
from bus.domain.errors import Transient
from bus.postgres.pool import Pool, connected
from bus.process.process_manager import Due, ProcessManager, request_of
from bus.wire.codec import ticket_from_json

LEASE = timedelta(seconds=2)  # a claim whose worker died is claimed again after this
CLAIM = 500
EVERY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTimer:
    """Fires a process's deadlines; any number of timers of one process may run at once."""

    manager: ProcessManager
    pool: Pool
    dispatch: Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]

    async def fire(self, now: datetime) -> int:
        """Claim what passed by `now` and dispatch its commands; gives how many deadlines were claimed.

        Idempotent: a command's id is derived from ticket, name and time. Never early: `decide` judges the ticket
        itself. Raises StoreUnavailable; what was claimed then is claimed again after the lease.
        """
        parameters = {"now": now, "lease_until": now + LEASE, "most": CLAIM}
        async with connected(self.pool) as connection:
            claimed = await (await connection.execute(self.manager.claim, parameters)).fetchall()
        requests = list[Request]()
        for state, name in claimed:
            ticket = ticket_from_json(state)
            wanted = self.manager.react(Due(name=name, now=now), ticket)
            requests += [request_of(ticket, one, now) for one in wanted]
        for outcome in await self.dispatch(requests) if requests else ():
            if isinstance(outcome, Refused):
                log.warning("process_command_refused", process=self.manager.name, code=outcome.error.code)
        return len(claimed)

    async def run(self, stopping: asyncio.Event, now: Callable[[], datetime]) -> None:
        """Fire every second until `stopping` is set; waits while PostgreSQL is away."""
        while not stopping.is_set():
            claimed = 0
            try:
                claimed = await self.fire(now())
            except Transient as error:
                log.warning("process_timer_waits", process=self.manager.name, error=str(error))
            if claimed < CLAIM:
                await wait(stopping, EVERY_S)
