"""The route of calendars: which hours are worked where, and which holidays are not announced yet (R7)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.calendars import Calendar, Calendars, missing_years
from bus.domain.working_hours import hours_text, week_text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.insight.insight_reader import MetricText


class CalendarYear(TypedDict):
    """A year of holidays, and whether it was announced or is provisional."""

    year: int
    announced: bool


class CalendarAnswer(TypedDict):
    """A calendar: its hours by weekday, and with all days apart; the regions that have it; whether work goes on now."""

    calendar: str
    title: str
    version: str
    zone: str
    week: str
    hours: str
    holidays: str | None
    regions: list[str]
    default: bool
    works_now: bool
    years: list[CalendarYear]


class CalendarsAnswer(TypedDict):
    """The calendars of this gateway's files; `missing`: years of holidays that are due and not announced."""

    calendars: list[CalendarAnswer]
    missing: list[MetricText]


def calendar_routes(calendars: Calendars, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def list_calendars(http: HttpRequest) -> Response:
        """List them by name."""
        await admit(http, Access.PEOPLE)
        found = [_calendar(calendars, one, now()) for one in calendars.by_name.values()]
        missing = missing_years(calendars.in_use(), calendars.lists, now().date())
        texts = [one.text() for one in missing]
        return json_response(CalendarsAnswer(calendars=found, missing=[{"zh": one.zh, "en": one.en} for one in texts]))

    return [reading("/v1/calendars", list_calendars, "List the calendars", CalendarsAnswer)]


def _calendar(calendars: Calendars, one: Calendar, now: datetime) -> CalendarAnswer:
    return {
        "calendar": one.name,
        "title": one.title,
        "version": one.version,
        "zone": one.working.zone,
        "week": week_text(one.working),
        "hours": hours_text(one.working),
        "holidays": one.holidays or None,
        "regions": [region for region, name in calendars.regions.items() if name == one.name],
        "default": one.name == calendars.default,
        "works_now": one.working.works_at(now),
        "years": [
            {"year": year, "announced": known.announced}
            for year, known in calendars.lists.get(one.holidays, {}).items()
        ],
    }
