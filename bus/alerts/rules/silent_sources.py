"""The rule of sources that have fallen silent: for longer than they ever do at this hour of the week."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.activity import MINUTES_MIN, Activity, active, read_activity
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.pool import Connection

_SOURCES: Final[LiteralString] = """
WITH RECURSIVE sources AS (
    (SELECT source FROM source_minutes ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT m.source FROM source_minutes m WHERE m.source > s.source ORDER BY m.source LIMIT 1)
    FROM sources s WHERE s.source IS NOT NULL),
names AS (SELECT source AS name, NULL::timestamptz AS read_at FROM sources WHERE source IS NOT NULL)"""
Sources = Sequence[Activity]


async def source_activity(connection: Connection) -> Sources:
    """Read every source that has sent within 28 days."""
    return await read_activity(connection, _SOURCES, "source_minutes", "source")


def _silent(sources: Sources, now: datetime) -> Sequence[Alert]:
    silent = [one for one in sources if one.is_silent(now)]
    every = len(silent) == sum(one.minutes >= MINUTES_MIN for one in sources)
    return [_alert(one, every=every) for one in silent]


def _alert(one: Activity, *, every: bool) -> Alert:
    last, why = time_text(one.last_at, TO_THE_MINUTE), one.why()
    return Alert(
        rule=RuleName.SOURCE_SILENT,
        about=one.name,
        zh=f"来源 {one.name} 自 {last.zh} 起没有发来任何请求({why.zh}):它可能停了,或把工单发到了别处",
        en=f"the source {one.name} has sent nothing since {last.en}, {why.en}: it may be down, or send elsewhere",
        mend="ticketbus client list",
        severity=Severity.P2 if one.is_known else Severity.P3,
        facts={"every_source": int(every)},
    )


SOURCE_SILENT: Final = AlertRule(
    name=RuleName.SOURCE_SILENT,
    severity=Severity.P2,
    title=Text("来源系统静默", "a source has fallen silent"),
    read=source_activity,
    evaluate=_silent,
    fires=lambda now: [active("crm", now - timedelta(minutes=30))],
    quiet=lambda now: [active("crm", now - timedelta(minutes=7))],
    open_after=timedelta(minutes=1),
)
