"""The rule of broken promises: more in an hour than at that time of earlier days."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.postgres.pool import Connection

DAYS: Final = 28
BREACHES_MIN: Final = 5
DEVIATIONS: Final = 4  # above the mean of what is counted: chance alone gives it less than once in a year of hours
# The last hour, then the same hour of each day before it.
_READ: Final = b"""
SELECT (SELECT count(*) FROM sla_clocks
    WHERE breached_at > now() - day * interval '1 day' - interval '1 hour'
        AND breached_at <= now() - day * interval '1 day')
FROM generate_series(0, %s) AS day ORDER BY day"""


async def breaches_by_day(connection: Connection) -> Sequence[int]:
    """Count what was broken in the last hour, and in that hour of each of 28 days before."""
    return [count for (count,) in await (await connection.execute(_READ, (DAYS,))).fetchall()]


def unusual(now: int, before: Sequence[int]) -> bool:
    """Say whether so many are more than chance makes of what it was before. Pure."""
    mean = sum(before) / len(before) if before else 0.0
    return now >= BREACHES_MIN and now > mean + DEVIATIONS * sqrt(max(mean, 1.0))


def _breaching(counts: Sequence[int], _now: datetime) -> Sequence[Alert]:
    last, *before = counts
    if not unusual(last, before):
        return []
    mean = sum(before) / len(before)
    return [
        Alert(
            rule=RuleName.SLA_BREACHES,
            about="sla",
            zh=f"最近一小时有 {last} 个 SLA 时限超时,以往同一时段平均 {mean:.1f} 个:请查看哪些环节停住或人手不足",
            en=f"{last} SLA targets were broken in the last hour, {mean:.1f} on average at this time of earlier days: "
            "see what stands still, or who is missing",
            mend="ticketbus ticket list --state 处理中",
            facts={"breaches": last},
        )
    ]


SLA_BREACHES: Final = AlertRule(
    name=RuleName.SLA_BREACHES,
    severity=Severity.P2,
    title=Text("SLA 超时异常增多", "unusually many SLA breaches"),
    read=breaches_by_day,
    evaluate=_breaching,
    fires=lambda _now: [12, *[1] * DAYS],
    quiet=lambda _now: [12, *[9] * DAYS],
    close_after=timedelta(minutes=10),
)
