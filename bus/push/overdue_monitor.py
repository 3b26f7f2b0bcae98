"""Discards pushes of tickets without a handler, and raises an alert for those that wait too long."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bus.aio import wait
from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.delivery import queue, target_state
from bus.delivery.queue import DeliveryEnd, EndedClaim
from bus.domain.errors import Transient
from bus.observability.masking import MASK
from bus.postgres.pool import Pool, connected
from bus.push import queue as push_queue
from bus.push.queue import NOBODY_HOLDS_IT, OverduePush

ROUND_S = 1.0
LOOKED_AT_MAX = 1000
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class OverdueMonitor:
    """Checks the tickets of one target, so many a turn: the cost of a turn does not grow with the backlog."""

    name: str
    deadline: timedelta
    pool: Pool
    now: Callable[[], datetime]
    report: AlertSink
    _after: str = ""

    async def run(self, stopping: asyncio.Event) -> None:
        """Go round until `stopping` is set; any number of workers may."""
        begun = False
        while not stopping.is_set():
            try:
                if not begun:
                    await target_state.begin(self.pool, self.name)
                    begun = True
                await self.look()
            except Transient as error:
                log.warning("delivery_waits", target=self.name, error=str(error))
            await wait(stopping, ROUND_S)

    async def look(self) -> None:
        """Look at the next tickets, after the last from the first again. Raises Transient."""
        now = self.now()
        async with connected(self.pool) as connection:
            found = await push_queue.waiting(connection, self.name, after=self._after, most=LOOKED_AT_MAX)
            nobodys = [
                EndedClaim(claim=one.claim, how=DeliveryEnd.DISCARDED, reference=NOBODY_HOLDS_IT)
                for one in found
                if not one.held
            ]
            await queue.settle(connection, self.name, nobodys, [], now)
            late = [
                one.claim.ticket_id
                for one in found
                if one.held and not one.reported and one.enqueued_at + self.deadline <= now
            ]
            reported = await push_queue.overdue(connection, self.name, late, now) if late else []
        self._after = found[-1].claim.ticket_id if len(found) == LOOKED_AT_MAX else ""
        for one in nobodys:
            log.info("push_let_go", target=self.name, ticket_id=one.claim.ticket_id, version=one.claim.version)
        for late_one in reported:
            self.report(self._alert(late_one))

    async def close(self) -> None:
        """Nothing to close."""

    def _alert(self, late: OverduePush) -> Alert:
        count, since = late.waiting, f"{late.since:%Y-%m-%d %H:%M:%S} UTC"
        return Alert(
            rule=RuleName.PUSH_OVERDUE,
            about=self.name,
            zh=f"工单 {late.ticket_id} 有 {count} 条推送自 {since} 起未被工程师 {MASK} 的应用接收:"
            "请联系工程师,或改派工单",
            en=f"{count} pushes of ticket {late.ticket_id} wait since {since} for the app of engineer {MASK}: "
            "call the engineer, or assign the ticket to somebody else",
            ticket_id=late.ticket_id,
            trace_id=late.trace_id,
            facts={"waiting": count, "deadline_s": self.deadline.total_seconds()},
        )
