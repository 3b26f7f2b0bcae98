"""Routes of the monthly closure report (R24): its lines, and the tickets that one of them counts."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.errors import MalformedInput
from bus.domain.time_text import CHINA
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.openapi import in_path
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.insight.closure_report import CAUSES, REJECTIONS, TAGS, ClosureReport, last_month
from bus.insight.closure_report_text import ReportWords, lines_of
from bus.insight.insight_reader import MetricText

MOST: Final = 1_000
COUNTED: Final = (REJECTIONS, TAGS, CAUSES)
_MONTH: Final = {
    "name": "month",
    "in": "query",
    "schema": {"type": "string", "pattern": "^\\d{4}-\\d{2}$"},
    "description": "2026-11, by China's clock; without: last month",
}
_CODE: Final = {"name": "code", "in": "query", "schema": {"type": "string"}, "description": "empty: nobody said"}


class ClosureReports(Protocol):
    """Closure reports as routes use them; all of it raises StoreUnavailable."""

    async def closures(self, first: datetime) -> ClosureReport:
        """Read the report of a month."""
        ...

    async def counted(self, first: datetime, section: str, code: str, *, most: int) -> Sequence[str]:
        """List so many of the tickets that a code was counted for."""
        ...


class ReportLineAnswer(TypedDict):
    """A line: `value` as people read it; of a share `numerator` and `denominator`, else empty."""

    section: str
    code: str
    text: MetricText
    value: str
    numerator: str
    denominator: str


class ClosureReportAnswer(TypedDict):
    """What closures of a month taught, never how many there were; the lines of `ticketbus report closure`."""

    month: str
    since: datetime
    until: datetime
    lines: list[ReportLineAnswer]


class CountedTickets(TypedDict):
    """The first 1,000 tickets that a line counts, by number. `more`: not all."""

    tickets: list[str]
    more: bool


def closure_report_routes(
    reports: ClosureReports, words: ReportWords, now: Callable[[], datetime]
) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def show_report(http: HttpRequest) -> Response:
        """Show the report of a month, or of the last one."""
        await admit(http, Access.INSIGHT)
        report = await reports.closures(_month(http, now()))
        lines = [
            ReportLineAnswer(
                section=line.section,
                code=line.code,
                text=MetricText(zh=line.text.zh, en=line.text.en),
                value=line.value,
                numerator=line.numerator,
                denominator=line.denominator,
            )
            for line in lines_of(report, words)
        ]
        month = f"{report.since:%Y-%m}"
        return json_response(ClosureReportAnswer(month=month, since=report.since, until=report.until, lines=lines))

    async def list_counted(http: HttpRequest) -> Response:
        """List the tickets that a code of a section was counted for."""
        await admit(http, Access.INSIGHT)
        section, month = http.path_params["section"], _month(http, now())
        if section not in COUNTED:
            legal = ", ".join(COUNTED)
            raise MalformedInput("out_of_range", "section", f"section 只能是 {legal}", f"section is one of {legal}")
        found = await reports.counted(month, section, query_of(http).get("code", ""), most=MOST + 1)
        return json_response(CountedTickets(tickets=[*found[:MOST]], more=len(found) > MOST))

    section = in_path("section", {"enum": [*COUNTED]})
    return [
        reading(
            "/v1/report/closure", show_report, "Show the closure report of a month", ClosureReportAnswer,
            parameters=[_MONTH],
        ),
        reading(
            "/v1/report/closure/{section}", list_counted, "List the tickets of a line", CountedTickets,
            parameters=[section, _MONTH, _CODE],
        ),
    ]  # fmt: skip


def _month(http: HttpRequest, now: datetime) -> datetime:
    text = query_of(http).get("month")
    if not text:
        return last_month(now)
    try:
        first = datetime.strptime(text, "%Y-%m").replace(tzinfo=CHINA)
    except ValueError:
        raise MalformedInput("out_of_range", "month", "month 应写成 2026-11", "write month as 2026-11") from None
    if first > now:
        raise MalformedInput("out_of_range", "month", f"{text} 还没有到", f"{text} has not come yet")
    return first
