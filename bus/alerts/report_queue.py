"""What a program reports: logged at once, put into PostgreSQL a moment later, or sent directly without it."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Final

import structlog
from psycopg.types.json import Jsonb

from bus.alerts.alert import Alert, Severity
from bus.alerts.alert_json import alert_json
from bus.alerts.log_sink import log_alert
from bus.domain.errors import StoreUnavailable
from bus.postgres.pool import ANSWER_S_MAX, Pool, connected

QUEUED_MAX: Final = 1_000  # subjects at once; the log has them all
PAUSE_S: Final = 1.0
_REPORT: Final = b"""
INSERT INTO alert_reports (rule, about, reporter, alert)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::jsonb[])
ON CONFLICT (rule, about, reporter) DO UPDATE SET reported_at = now(), alert = excluded.alert"""
_SENT: Final = b"""
INSERT INTO alerts_sent_directly (rule, about, channel, severity)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[])
ON CONFLICT (rule, about, channel) DO UPDATE SET stored_at = now(), severity = excluded.severity"""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DirectlySent:
    """That a channel has taken an alert while PostgreSQL was away: its stored opening is not sent there again."""

    rule: str
    about: str
    channel: str
    severity: Severity


@dataclass(slots=True, kw_only=True)
class ReportQueue:
    """A program's sink of alerts. `directly` is handed what PostgreSQL cannot take now; by itself nobody is.

    `reporter` names the program: what others report of the same subject stays beside it.
    """

    reporter: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    directly: Callable[[Sequence[Alert]], Awaitable[Sequence[DirectlySent]]] | None = None
    _waiting: dict[tuple[str, str], Alert] = field(default_factory=dict)
    _sent: set[DirectlySent] = field(default_factory=set)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def report(self, alert: Alert) -> None:
        """Take an alert in; of one subject the last counts."""
        log_alert(alert)
        key = _key(alert)
        if key in self._waiting or len(self._waiting) < QUEUED_MAX:
            self._waiting[key] = alert
        self._came.set()

    async def run(self, pool: Pool) -> None:
        """Store what comes until cancelled."""
        while True:
            await self._came.wait()
            await asyncio.sleep(PAUSE_S)
            await self.flush(pool)

    async def flush(self, pool: Pool) -> None:
        """Store what waits; what cannot be stored now is sent directly, and tried again."""
        self._came.clear()
        alerts, self._waiting = [*self._waiting.values()], {}
        if not alerts:
            return
        alerts.sort(key=_key)  # rows are locked in one order
        rows = [(*_key(one), self.reporter, Jsonb(alert_json(one))) for one in alerts]
        try:
            async with connected(pool, answer_s_max=ANSWER_S_MAX) as connection:
                await connection.execute(_REPORT, [list(column) for column in zip(*rows, strict=True)])
                if self._sent:
                    sent = [astuple(one) for one in sorted(self._sent)]
                    await connection.execute(_SENT, [list(column) for column in zip(*sent, strict=True)])
            self._sent = set()
        except StoreUnavailable as error:
            log.warning("alert_not_stored", cause=str(error), alerts=len(alerts))
            self._waiting = {_key(one): one for one in alerts} | self._waiting
            self._came.set()
            if self.directly:
                self._sent |= {*await self.directly(alerts)}


def _key(alert: Alert) -> tuple[str, str]:
    return alert.rule.value, alert.about
