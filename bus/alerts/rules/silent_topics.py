"""The rule of topics that have fallen silent: nothing was written for longer than ever at this hour of the week."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.alerts.rules.activity import Activity, active, read_activity
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text
from bus.postgres.pool import Connection

_TOPICS: Final[LiteralString] = "WITH names AS (SELECT topic AS name, read_at FROM topic_ends)"
Topics = Sequence[Activity]


async def topic_activity(connection: Connection) -> Topics:
    """Read every watched topic to which something was written within 28 days."""
    return await read_activity(connection, _TOPICS, "topic_minutes", "topic")


def _silent(topics: Topics, now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in topics if one.is_silent(now)]


def _alert(one: Activity) -> Alert:
    last, why = time_text(one.last_at, TO_THE_MINUTE), one.why()
    return Alert(
        rule=RuleName.TOPIC_SILENT,
        about=one.name,
        zh=f"主题 {one.name} 自 {last.zh} 起没有新消息({why.zh}):写入方可能停了,订阅方收不到任何东西",
        en=f"nothing has been written to {one.name} since {last.en}, {why.en}: "
        "its writers may be down, and its readers get nothing",
        mend="ticketbus status",
        severity=Severity.P2 if one.is_known else Severity.P3,
    )


TOPIC_SILENT: Final = AlertRule(
    name=RuleName.TOPIC_SILENT,
    severity=Severity.P2,
    title=Text("主题静默", "a topic has fallen silent"),
    read=topic_activity,
    evaluate=_silent,
    fires=lambda now: [active("ticket.assign", now - timedelta(minutes=30))],
    quiet=lambda now: [active("ticket.assign", now - timedelta(minutes=7))],
    open_after=timedelta(minutes=2),  # what waited while no worker ran is written by then, and a source's comes first
)
