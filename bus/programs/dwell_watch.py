"""The worker's watch over dwell: it reports the tickets that have turned red (R15)."""

from collections.abc import Callable
from datetime import datetime

from bus.alerts.alert import AlertSink
from bus.alerts.rules.dwell_red import REPORTED_EVERY, red_alerts
from bus.domain.calendars import Calendars
from bus.domain.dwell import DwellLimits, dwells
from bus.postgres.open_tickets import tickets_in_state
from bus.postgres.pool import Pool, in_transaction
from bus.programs.rounds import in_rounds


async def watch_dwell(
    pool: Pool, limits: DwellLimits, calendars: Calendars, report: AlertSink, now: Callable[[], datetime]
) -> None:
    """Report what is red each minute, until cancelled; waits while PostgreSQL is away."""

    async def look() -> None:
        tickets = await in_transaction(pool, tickets_in_state)
        for alert in red_alerts(dwells(tickets, limits, calendars, now())):
            report(alert)

    await in_rounds(look, REPORTED_EVERY.total_seconds(), "dwell_watch_waits")
