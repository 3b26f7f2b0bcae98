"""The rule of calendars: public holidays of a year that should be announced by now are not known (R7)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.reported import reported
from bus.domain.calendars import missing_years
from bus.domain.rules import Rules
from bus.domain.text import Text
from bus.domain.time_text import CHINA

REPORTED_EVERY: Final = timedelta(minutes=10)


def missing_calendars(rules: Rules, now: datetime, *, morning: str = "") -> Sequence[Alert]:
    """Give an alert for each list of holidays that calendars in use count on, and year that is due. Pure.

    `morning` is the calendar of the drift list, where it is not the default one.
    """
    calendars = rules.calendars
    in_use = calendars.in_use((morning, *(limit.calendar for limit in rules.sla.values())))
    missing = missing_years(in_use, calendars.lists, now.astimezone(CHINA).date())
    return [
        Alert(
            rule=RuleName.CALENDAR_MISSING,
            about=f"{one.holidays}-{one.year}",
            zh=one.text().zh,
            en=one.text().en,
            mend="ticketbus calendar check",
        )
        for one in missing
    ]


CALENDAR_MISSING: Final = reported(
    RuleName.CALENDAR_MISSING,
    Severity.P2,
    Text("缺少下一年的节假日安排", "next year's public holidays are missing"),
    lasts=2 * REPORTED_EVERY + timedelta(minutes=1),
)
