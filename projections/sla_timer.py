"""The SLA timer: claims promises that want attention and dispatches their commands; the domain judges again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import structlog

from bus.aio import wait
from bus.domain.batch_decider import Outcome, Refused
from bus.domain.commands import BreachSla, Request, WarnSla
from bus.domain.errors import Transient
from bus.domain.terms import ClockName, CommandId, TicketId, TraceId
from bus.postgres.pool import Pool, connected

NAMESPACE = UUID("5d0f3c2e-8a44-5f0b-9c1d-7e5b1a2c9f10")
SOURCE, ACTOR = "bus", "ticketbus"
LEASE = timedelta(seconds=2)  # a claim whose worker died is claimed again after this
CLAIM = 500
EVERY_S = 1.0

# The oldest first; a claimed row rests for the lease, in which the log has time to tell what became of it. A lease that
# ends later than any taken now would was taken by a clock that ran ahead: it counts for nothing.
_CLAIM = """
UPDATE sla_clocks AS c SET lease_until = %(lease_until)s
FROM (SELECT ticket_id, clock FROM sla_clocks
      WHERE next_alarm_at <= %(now)s
            AND (lease_until IS NULL OR lease_until <= %(now)s OR lease_until > %(lease_until)s)
      ORDER BY next_alarm_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) AS due
WHERE c.ticket_id = due.ticket_id AND c.clock = due.clock
RETURNING c.ticket_id, c.clock, c.trace_id, c.due_at, c.warn_at"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A promise that wants attention."""

    ticket_id: TicketId
    clock: ClockName
    trace_id: TraceId
    due_at: datetime
    warn_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaTimer:
    """Rings for promises; any number of timers may run at once."""

    pool: Pool
    dispatch: Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]

    async def ring(self, now: datetime) -> int:
        """Claim what is due by `now` and dispatch it; answers how many were claimed.

        Idempotent: the command's id is derived from ticket, clock and time. Never early: `decide` judges the ticket
        itself. Raises StoreUnavailable; what was claimed then is claimed again after the lease.
        """
        async with connected(self.pool) as connection:
            parameters = {"now": now, "lease_until": now + LEASE, "most": CLAIM}
            due = [_due(row) for row in await (await connection.execute(_CLAIM, parameters)).fetchall()]
        if due:
            for outcome in await self.dispatch([request_for(one, now) for one in due]):
                if isinstance(outcome, Refused):
                    log.warning("sla_alarm_refused", code=outcome.error.code)
        return len(due)

    async def run(self, stopping: asyncio.Event, now: Callable[[], datetime]) -> None:
        """Ring every second until `stopping` is set; waits while PostgreSQL is away."""
        while not stopping.is_set():
            claimed = 0
            try:
                claimed = await self.ring(now())
            except Transient as error:
                log.warning("sla_timer_waits", error=str(error))
            if claimed < CLAIM:
                await wait(stopping, EVERY_S)


def request_for(due: Due, now: datetime) -> Request:
    """Ask for the breach when the promise fell due already, else for the warning."""
    breach = due.due_at <= now
    command = BreachSla(clock=due.clock) if breach else WarnSla(clock=due.clock)
    at = due.due_at if breach else due.warn_at
    name = f"{due.ticket_id}|{due.clock.value}|{type(command).__name__}|{at.timestamp():.6f}"
    return Request(
        command_id=CommandId(uuid5(NAMESPACE, name)),
        command=command,
        source=SOURCE,
        actor=ACTOR,
        at=now,
        received_at=now,
        trace_id=due.trace_id,
        fingerprint=sha256(name.encode()).hexdigest(),
        ticket_id=due.ticket_id,
    )


def _due(row: tuple[Any, ...]) -> Due:
    ticket_id, clock, trace_id, due_at, warn_at = row
    return Due(ticket_id=ticket_id, clock=ClockName(clock), trace_id=trace_id, due_at=due_at, warn_at=warn_at)
