"""The rule of sources that have fallen silent: for longer than they ever do at this hour of the week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.rows import class_row

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.usual_gaps import GAPS_MIN, silent_after
from bus.domain.text import Text
from bus.postgres.pool import Connection

MINUTES_MIN: Final = 10  # of a source that sent less often in 28 days nobody can say that it is silent
# The gaps that began in the hour of the week in which the silence did, in each of the four weeks before.
_READ: Final = b"""
WITH RECURSIVE sources AS (
    (SELECT source FROM source_minutes ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT m.source FROM source_minutes m WHERE m.source > s.source ORDER BY m.source LIMIT 1)
    FROM sources s WHERE s.source IS NOT NULL)
SELECT s.source, l.minute AS last_at, (
        SELECT count(*) FROM (
            SELECT FROM source_minutes m WHERE m.source = s.source ORDER BY m.minute LIMIT %(few)s) f) AS minutes,
    ARRAY(
        SELECT n.minute - m.minute
        FROM generate_series(1, 4) AS week CROSS JOIN LATERAL (
            SELECT date_trunc('hour', l.minute) - week * interval '7 days' AS at) h
        JOIN source_minutes m ON m.source = s.source AND m.minute >= h.at AND m.minute < h.at + interval '1 hour'
        CROSS JOIN LATERAL (
            SELECT n.minute FROM source_minutes n WHERE n.source = s.source AND n.minute > m.minute
            ORDER BY n.minute LIMIT 1) n) AS gaps
FROM sources s CROSS JOIN LATERAL (
    SELECT minute FROM source_minutes m WHERE m.source = s.source ORDER BY minute DESC LIMIT 1) l
WHERE s.source IS NOT NULL ORDER BY s.source"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceActivity:
    """When a source last sent, in how many minutes of 28 days (no more than a few count), and its gaps at that hour."""

    source: str
    last_at: datetime
    minutes: int
    gaps: Sequence[timedelta]


Sources = Sequence[SourceActivity]


async def source_activity(connection: Connection) -> Sources:
    """Read every source that has sent within 28 days."""
    async with connection.cursor(row_factory=class_row(SourceActivity)) as cursor:
        return await (await cursor.execute(_READ, {"few": MINUTES_MIN})).fetchall()


def _silent(sources: Sources, now: datetime) -> Sequence[Alert]:
    return [
        _alert(one)
        for one in sources
        if one.minutes >= MINUTES_MIN and now - one.last_at > silent_after(one.gaps) + timedelta(minutes=1)
    ]


def _alert(one: SourceActivity) -> Alert:
    last, usual = f"{one.last_at:%m-%d %H:%M} UTC", silent_after(one.gaps)
    is_known = len(one.gaps) >= GAPS_MIN
    why_zh, why_en = (
        (f"以往同一时段从未静默超过 {usual}", f"at this hour of the week its silences are no longer than {usual}")
        if is_known
        else ("已超过 24 小时", "which is more than 24 hours")
    )
    return Alert(
        rule=RuleName.SOURCE_SILENT,
        about=one.source,
        zh=f"来源 {one.source} 自 {last} 起没有发来任何请求({why_zh}):它可能停了,或把工单发到了别处",
        en=f"the source {one.source} has sent nothing since {last}, {why_en}: it may be down, or send elsewhere",
        mend="ticketbus client list",
        severity=Severity.P2 if is_known else Severity.P3,
    )


def _busy(last_at: datetime) -> SourceActivity:
    return SourceActivity(source="crm", last_at=last_at, minutes=MINUTES_MIN, gaps=[timedelta(minutes=4)] * GAPS_MIN)


SOURCE_SILENT: Final = AlertRule(
    name=RuleName.SOURCE_SILENT,
    severity=Severity.P2,
    title=Text("来源系统静默", "a source has fallen silent"),
    read=source_activity,
    evaluate=_silent,
    fires=lambda now: [_busy(now - timedelta(minutes=30))],
    quiet=lambda now: [_busy(now - timedelta(minutes=7))],
    open_after=timedelta(minutes=1),
)
