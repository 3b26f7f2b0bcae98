"""The timer of a process manager: claims deadlines that have passed and dispatches the commands wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

import orjson
import structlog

from bus.aio import wait
from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.batch import Outcome, Refused
from bus.domain.commands import Request
from bus.domain.errors import Transient, cause_of
from bus.postgres.pool import Pool, connected
from bus.process.process_manager import Due, ProcessManager, request_of
from bus.wire.codec import ticket_from_json

LEASE = timedelta(seconds=2)  # a claim whose worker died is claimed again after this
CLAIM = 500
EVERY_S = 1.0
FAILED_FOR_S = 30.0  # some worker tries a deadline that failed again after each lease
NAMED_MAX = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessTimer:
    """Fires a process's deadlines; any number of timers of one process may run at once."""

    manager: ProcessManager
    pool: Pool
    dispatch: Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]
    report: AlertSink
    clock: Callable[[], float] = monotonic
    _failed: dict[tuple[str, str], float] = field(default_factory=dict)

    def trouble(self) -> str | None:
        """Name the tickets whose deadlines failed within a while; None if none did. A deadline is tried for ever."""
        since = self.clock() - FAILED_FOR_S
        tickets = sorted({ticket_id for (ticket_id, _), at in self._failed.items() if at >= since})
        more = f" and {len(tickets) - NAMED_MAX} more" if len(tickets) > NAMED_MAX else ""
        return f"deadlines of {', '.join(tickets[:NAMED_MAX])}{more} cannot be carried out" if tickets else None

    async def fire(self, now: datetime) -> int:
        """Claim what passed by `now` and dispatch its commands; gives how many deadlines were claimed.

        Idempotent: a command's id is derived from ticket, name and time. Never early: `decide` judges the ticket
        itself. Raises StoreUnavailable; what was claimed then is claimed again after the lease.
        """
        parameters = {"now": now, "lease_until": now + LEASE, "most": CLAIM}
        async with connected(self.pool) as connection:
            claimed = await (await connection.execute(self.manager.claim, parameters)).fetchall()
        alone, together = list[tuple[str, str]](), list[tuple[str, str]]()
        for one in claimed:
            apart = not self.manager.together or (self._failed and _place(one) in self._failed)
            (alone if apart else together).append(one)
        try:
            await self._carry_out(together, now)
        except Transient:
            raise
        except Exception:  # noqa: BLE001 - it is told below, where it is known whose it is
            alone = claimed
        for one in alone:
            await self._carry_out_alone(one, now)
        return len(claimed)

    async def _carry_out(self, claimed: Iterable[tuple[str, str]], now: datetime) -> None:
        requests = list[Request]()
        for state, name in claimed:
            ticket = ticket_from_json(state)
            wanted = self.manager.react(Due(name=name, now=now), ticket)
            requests += [request_of(ticket, one, now) for one in wanted]
        for outcome in await self.dispatch(requests) if requests else ():
            if isinstance(outcome, Refused):
                log.warning("process_command_refused", process=self.manager.name, code=outcome.error.code)

    async def _carry_out_alone(self, claimed: tuple[str, str], now: datetime) -> None:
        """Carry out one deadline; one that cannot be is reported once, and holds no other up. Raises Transient."""
        try:
            await self._carry_out([claimed], now)
        except Transient:
            raise
        except Exception as error:
            ticket_id, _ = place = _place(claimed)
            is_new, self._failed[place] = place not in self._failed, self.clock()
            if is_new:
                log.exception("deadline_failed", process=self.manager.name, ticket_id=ticket_id, deadline=claimed[1])
                self.report(_failing(self.manager.name, ticket_id, error))

    async def run(self, stopping: asyncio.Event, now: Callable[[], datetime]) -> None:
        """Fire every second until `stopping` is set; waits while PostgreSQL is away."""
        while not stopping.is_set():
            claimed = 0
            try:
                claimed = await self.fire(now())
            except Transient as error:
                log.warning("process_timer_waits", process=self.manager.name, error=str(error))
            if claimed < CLAIM or self._failed:  # what fails stays the first to be claimed
                await wait(stopping, EVERY_S)


def _place(claimed: tuple[str, str]) -> tuple[str, str]:
    """Name a deadline by its ticket and its own name; PostgreSQL has the state as JSON, whatever else is wrong."""
    return str(orjson.loads(claimed[0])["ticket_id"]), claimed[1]


def _failing(process: str, ticket_id: str, error: Exception) -> Alert:
    why = cause_of(error)
    return Alert(
        rule=RuleName.TASK_FAILED,
        about=f"{process} {ticket_id}",
        zh=f"{process} 的时限无法执行,其他工单照常:{why}",
        en=f"a deadline of {process} cannot be carried out, other tickets go on: {why}",
        ticket_id=ticket_id,
    )
