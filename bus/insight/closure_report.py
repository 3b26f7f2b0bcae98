"""The monthly closure report (R24): what closures taught, never how many there were."""

import calendar
from collections.abc import Sequence
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
_REJECTIONS: LiteralString = """
SELECT a.detail AS code, count(*)::int AS tickets
FROM ticket_closures c CROSS JOIN LATERAL unnest(c.answers, c.details, c.answered_at) AS a (answer, detail, at)
WHERE c.last_answer_at >= %(since)s AND a.at >= %(since)s AND a.at < %(until)s AND a.answer = 'rejected'
    AND NOT c.historic
GROUP BY a.detail ORDER BY count(*) DESC, a.detail"""
_TAGS: LiteralString = """
SELECT t.tag AS code, count(*)::int AS tickets
FROM ticket_outcomes o JOIN ticket_closures c USING (ticket_id) CROSS JOIN LATERAL unnest(c.tags) AS t (tag)
WHERE o.closed_at >= %(since)s AND o.closed_at < %(until)s
GROUP BY t.tag ORDER BY count(*) DESC, t.tag LIMIT %(top)s"""
_CAUSES: LiteralString = """
SELECT root_cause AS code, count(*)::int AS tickets FROM ticket_outcomes
WHERE closed_at >= %(since)s AND closed_at < %(until)s AND root_cause <> ''
GROUP BY root_cause ORDER BY count(*) DESC, root_cause LIMIT %(top)s"""


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


async def read_closure_report(connection: Connection, window: MetricWindow) -> ClosureReport:
    """Read the report of a month. Raises StoreUnavailable."""
    asked = {"since": window.since, "until": window.until, "top": TOP}
    return ClosureReport(
        since=window.since,
        until=window.until,
        shares=[(one, await read_figure(connection, one, window)) for one in _SHARES],
        rejections=await read_rows(connection, _REJECTIONS, CountedCode, asked),
        tags=await read_rows(connection, _TAGS, CountedCode, asked),
        root_causes=await read_rows(connection, _CAUSES, CountedCode, asked),
    )
