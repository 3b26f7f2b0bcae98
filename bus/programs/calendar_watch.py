"""The worker's watch over calendars: it reports each year of public holidays that is due and not announced."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bus.alerts.alert import AlertSink
from bus.alerts.rules.calendar_missing import REPORTED_EVERY, missing_calendars
from bus.domain.rules import Rules


async def watch_calendars(rules: Rules, report: AlertSink, now: Callable[[], datetime], *, morning: str) -> None:
    """Report what is missing, until cancelled."""
    while True:
        for alert in missing_calendars(rules, now(), morning=morning):
            report(alert)
        await asyncio.sleep(REPORTED_EVERY.total_seconds())
