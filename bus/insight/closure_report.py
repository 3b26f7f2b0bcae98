"""The monthly closure report (R24): what closures taught, never how many there were."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.domain.time_text import CHINA
from bus.insight.figures import read_figure
from bus.insight.metric import Metric, MetricFigure, MetricWindow
from bus.insight.metrics.closure_confirmed import CLOSURE_CONFIRMED
from bus.insight.metrics.first_time_fix import FIRST_TIME_FIX
from bus.insight.metrics.knowledge_reuse import KNOWLEDGE_REUSE
from bus.postgres.pool import Connection, read_rows

TOP: Final = 10
_SHARES: Final = (FIRST_TIME_FIX, CLOSURE_CONFIRMED, KNOWLEDGE_REUSE)
REJECTIONS: Final = "rejections"
TAGS: Final = "tags"
CAUSES: Final = "causes"
# Of each section the code that is counted, and what of a month it is counted in.
_COUNTED: Final[Mapping[str, tuple[LiteralString, LiteralString]]] = {
    REJECTIONS: (
        "a.detail",
        """
FROM ticket_closures c CROSS JOIN LATERAL unnest(c.answers, c.details, c.answered_at) AS a (answer, detail, at)
WHERE c.last_answer_at >= %(since)s AND a.at >= %(since)s AND a.at < %(until)s AND a.answer = 'rejected'
    AND NOT c.historic""",
    ),
    TAGS: (
        "t.tag",
        """
FROM ticket_outcomes o JOIN ticket_closures c USING (ticket_id) CROSS JOIN LATERAL unnest(c.tags) AS t (tag)
WHERE o.closed_at >= %(since)s AND o.closed_at < %(until)s""",
    ),
    CAUSES: (
        "root_cause",
        "FROM ticket_outcomes WHERE closed_at >= %(since)s AND closed_at < %(until)s AND root_cause <> ''",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCode:
    """A code of a closed list, and how many tickets have it; empty: nobody said."""

    code: str
    tickets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureReport:
    """A month, by China's clock: its shares, and what was said how often, the most first."""

    since: datetime
    until: datetime
    shares: Sequence[tuple[Metric, MetricFigure]]
    rejections: Sequence[CountedCode]
    tags: Sequence[CountedCode]
    root_causes: Sequence[CountedCode]


def month_of(first: datetime, dedupe_window: timedelta) -> MetricWindow:
    """Give the month of its first day, by China's clock. Pure."""
    since = datetime(first.year, first.month, 1, tzinfo=CHINA)
    days = calendar.monthrange(first.year, first.month)[1]
    return MetricWindow(since=since, until=since + timedelta(days=days), dedupe_window=dedupe_window)


def last_month(now: datetime) -> datetime:
    """Give a day of the month before, by China's clock. Pure."""
    return now.astimezone(CHINA).replace(day=1) - timedelta(days=1)


async def read_closure_report(connection: Connection, window: MetricWindow) -> ClosureReport:
    """Read the report of a month. Raises StoreUnavailable."""
    return ClosureReport(
        since=window.since,
        until=window.until,
        shares=[(one, await read_figure(connection, one, window)) for one in _SHARES],
        rejections=await _counts(connection, REJECTIONS, window, most=None),
        tags=await _counts(connection, TAGS, window, most=TOP),
        root_causes=await _counts(connection, CAUSES, window, most=TOP),
    )


async def read_counted_tickets(
    connection: Connection, section: str, code: str, window: MetricWindow, *, most: int
) -> list[str]:
    """List so many of the tickets that a code of a section was counted for, by number. Raises StoreUnavailable."""
    counted, where = _COUNTED[section]
    query = f"SELECT DISTINCT ticket_id {where} AND {counted} = %(code)s ORDER BY ticket_id LIMIT %(most)s"
    cursor = await connection.execute(query, {**_time(window), "code": code, "most": most})
    return [ticket_id for (ticket_id,) in await cursor.fetchall()]


async def _counts(
    connection: Connection, section: str, window: MetricWindow, *, most: int | None
) -> Sequence[CountedCode]:
    code, where = _COUNTED[section]
    query = f"SELECT {code} AS code, count(*)::int AS tickets {where} GROUP BY {code} ORDER BY 2 DESC, 1 LIMIT %(most)s"
    return await read_rows(connection, query, CountedCode, {**_time(window), "most": most})


def _time(window: MetricWindow) -> Mapping[str, object]:
    return {"since": window.since, "until": window.until}
