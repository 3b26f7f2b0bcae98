"""The worker's watch over mornings: it makes the drift list that is due, once a working day (R9)."""

from collections.abc import Callable
from datetime import date, datetime, time
from functools import partial
from typing import Final

import structlog

from bus.domain.calendars import Calendars
from bus.domain.drift_list import due_today
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.postgres.drift_lists import keep_list
from bus.postgres.pool import Pool, in_transaction
from bus.programs.rounds import in_rounds
from bus.rule_settings import RuleSettings
from bus.settings import SettingsInvalid

EVERY_S: Final = 30.0
log = structlog.get_logger()


def mornings(settings: RuleSettings, calendars: Calendars) -> Callable[[datetime], tuple[date, datetime] | None]:
    """Give when lists are due, by the settings. Raises SettingsInvalid: there is no calendar of that name."""
    name = settings.morning_calendar or calendars.default
    if name not in calendars.by_name:
        close = did_you_mean(nearest(name, calendars.by_name), quoted=True)
        zh, en = f"没有日历“{name}”{close.zh}", f"there is no calendar {name!r}{close.en}"
        raise SettingsInvalid(f"TICKETBUS_MORNING_CALENDAR: {Text(zh, en)}")
    return partial(due_today, calendars.by_name[name], time.fromisoformat(settings.morning_at))


async def watch_mornings(pool: Pool, due: Callable[[datetime], tuple[date, datetime] | None]) -> None:
    """Make the list that is due, until cancelled; waits while PostgreSQL is away."""

    async def look() -> None:
        if await in_transaction(pool, keep_list, due):
            log.info("drift_list_made")

    await in_rounds(look, EVERY_S, "morning_watch_waits")
