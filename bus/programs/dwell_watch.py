"""The worker's watch over dwell: it reports the tickets that have turned red (R15)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from bus.alerts.alert import AlertSink
from bus.alerts.rules.dwell_red import REPORTED_EVERY, red_alerts
from bus.domain.calendars import Calendars
from bus.domain.dwell import Dwell, DwellLimits, dwell_of
from bus.domain.errors import StoreUnavailable
from bus.postgres.open_tickets import open_tickets
from bus.postgres.pool import Pool, in_transaction

log = structlog.get_logger()


async def dwells(pool: Pool, limits: DwellLimits, calendars: Calendars, now: datetime) -> list[Dwell]:
    """Measure all open tickets. Raises StoreUnavailable."""
    tickets = await in_transaction(pool, open_tickets)
    return [one for one in (dwell_of(ticket, limits, calendars, now) for ticket in tickets) if one]


async def watch_dwell(
    pool: Pool, limits: DwellLimits, calendars: Calendars, report: AlertSink, now: Callable[[], datetime]
) -> None:
    """Report what is red each minute, until cancelled; waits while PostgreSQL is away."""
    while True:
        try:
            for alert in red_alerts(await dwells(pool, limits, calendars, now())):
                report(alert)
        except StoreUnavailable as error:
            log.warning("dwell_watch_waits", error=str(error))
        await asyncio.sleep(REPORTED_EVERY.total_seconds())
