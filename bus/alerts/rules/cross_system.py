"""The rule of failures that meet: sources, targets and subscribers of one bus, at the same time (R29)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

SHOWN_MAX: Final = 5
WITHIN: Final = timedelta(hours=1)  # so near to each other two failures opened that meet
_SIDES: Final[Mapping[RuleName, Text]] = {
    **dict.fromkeys((RuleName.SOURCE_5XX, RuleName.TICKET_MISSING), Text("来源侧", "source")),
    **dict.fromkeys(
        (RuleName.DISK_WATERMARK, RuleName.DISK_FILLING, RuleName.BREAKER_OPEN, RuleName.TARGET_PAUSED),
        Text("目标侧", "target"),
    ),
    **dict.fromkeys((RuleName.TOPIC_MISMATCH, RuleName.PUSH_OVERDUE), Text("订阅侧", "subscriber")),
}
_READ: Final = b"""
SELECT rule, about, opened_at FROM alerts
WHERE closed_at IS NULL AND gone_at IS NULL AND opened_at IS NOT NULL AND NOT drill AND severity <> 'p3'
    AND rule = ANY(%s)
ORDER BY opened_at, number"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFailure:
    """An alert that is open about one side of the bus."""

    rule: str
    about: str
    opened_at: datetime


async def read_failures(connection: Connection) -> Sequence[OpenFailure]:
    """Read the open alerts about sources, targets and subscribers, the first first."""
    return await read_rows(connection, _READ, OpenFailure, ([one.value for one in _SIDES],))


def _meet(failures: Sequence[OpenFailure], _now: datetime) -> Sequence[Alert]:
    failures = _together(failures)
    sides = dict.fromkeys(_SIDES[RuleName(one.rule)] for one in failures)
    if len(sides) < 2:
        return []
    shown = "; ".join(f"{one.rule} {one.about}" for one in failures[:SHOWN_MAX])
    more = f" … ({len(failures)})" if len(failures) > SHOWN_MAX else ""
    since = time_text(failures[0].opened_at)
    return [
        Alert(
            rule=RuleName.CROSS_SYSTEM,
            about="bus",
            zh=f"{'、'.join(one.zh for one in sides)}同时故障(自 {since.zh}),同一张工单可能被多个原因拦住:"
            f"{shown}{more}。每张工单的全部原因用 trace 查看",
            en=f"{', '.join(one.en for one in sides)} fail at the same time (since {since.en}); one ticket may be held "
            f"by several causes: {shown}{more}; `ticketbus trace` names all of a ticket",
            mend="ticketbus alerts list",
            facts={"sides": len(sides), "alerts": len(failures)},
        )
    ]


def _together(failures: Sequence[OpenFailure]) -> Sequence[OpenFailure]:
    """Give those that opened within an hour of one of another side; what is open for weeks meets nobody."""

    def meets(one: OpenFailure, other: OpenFailure) -> bool:
        apart = _SIDES[RuleName(one.rule)] != _SIDES[RuleName(other.rule)]
        return apart and abs(one.opened_at - other.opened_at) <= WITHIN

    return [one for one in failures if any(meets(one, other) for other in failures)]


def _failures(now: datetime, *rules: RuleName) -> Sequence[OpenFailure]:
    return [OpenFailure(rule=rule.value, about="x", opened_at=now - timedelta(minutes=1)) for rule in rules]


CROSS_SYSTEM: Final = AlertRule(
    name=RuleName.CROSS_SYSTEM,
    severity=Severity.P1,
    title=Text("跨系统故障", "failures of several systems meet"),
    read=read_failures,
    evaluate=_meet,
    fires=lambda now: _failures(now, RuleName.SOURCE_5XX, RuleName.DISK_FILLING, RuleName.TOPIC_MISMATCH),
    quiet=lambda now: [
        *_failures(now, RuleName.DISK_FILLING, RuleName.BREAKER_OPEN),
        *_failures(now - timedelta(days=2), RuleName.TOPIC_MISMATCH),
    ],
)
