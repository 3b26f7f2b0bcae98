"""The rule of R29: a single cross-system failure is a P1, until somebody has dealt with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.postgres.pool import Connection, read_rows

_READ: Final[LiteralString] = """
SELECT t.task, coalesce(j.hits, t.hits) AS failures, coalesce(j.units, t.units) AS tickets, t.opened_at
FROM insight_tasks t LEFT JOIN LATERAL (
    SELECT hits, units FROM metric_judgements WHERE metric = t.metric AND judged_at >= t.opened_at
    ORDER BY judged_at DESC LIMIT 1) j ON true
WHERE t.kind = 'p1' AND t.back_at IS NULL AND t.done_at IS NULL"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTask:
    """The task that cross-system failures opened, and how many there are by now."""

    task: int
    failures: int
    tickets: int
    opened_at: datetime


async def failure_tasks(connection: Connection) -> Sequence[FailureTask]:
    """Read the open task, if there is one."""
    return await read_rows(connection, _READ, FailureTask)


def _alerts(found: Sequence[FailureTask], _now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.CROSS_SYSTEM_FAILURE,
            about="cross-system-failure",
            zh=f"跨系统失败 {one.failures} 件(报修 {one.tickets} 单):逐件查明环节,处理后结束任务 {one.task}",
            en=f"{one.failures} cross-system failures among {one.tickets} tickets: see at which hop, "
            f"then end task {one.task}",
            mend="ticketbus insight why cross-system-failure",
            newest=one.failures,
            since=one.opened_at,
            facts={"failures": one.failures, "task": one.task},
        )
        for one in found
    ]


CROSS_SYSTEM_FAILURE: Final = AlertRule(
    name=RuleName.CROSS_SYSTEM_FAILURE,
    severity=Severity.P1,
    title=Text("跨系统失败率大于零", "the cross-system failure rate is above zero"),
    read=failure_tasks,
    evaluate=_alerts,
    fires=lambda now: [FailureTask(task=7, failures=2, tickets=340, opened_at=now)],
    quiet=lambda _now: (),
)
