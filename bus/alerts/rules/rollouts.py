"""The rule of rollouts that were rolled back by themselves: open for a day, or until the next one starts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.delivery.rollout_store import RolledBack, rolled_back
from bus.domain.text import Text

OPEN_FOR: Final = timedelta(days=1)
RollBacks = Sequence[RolledBack]


def _evaluate(found: RollBacks, now: datetime) -> Sequence[Alert]:
    return [
        Alert(
            rule=RuleName.ROLLED_BACK,
            about=f"{one.target} → {one.canary}",
            zh=f"{one.target} 的新版本 {one.canary} 在 {one.percent}% 时已自动回退:{one.zh};工单已回到旧版本",
            en=f"the new version {one.canary} of {one.target} was rolled back at {one.percent} %: {one.en}; "
            "its tickets are with the old one again",
            mend=f"ticketbus rollout start {one.target} {one.canary} --by … --why …",
            facts={"percent": one.percent},
        )
        for one in found
        if now - one.ended_at <= OPEN_FOR
    ]


def _example(at: datetime) -> RollBacks:
    zh, en = "新版本已熔断", "the new version's breaker is open"
    return [RolledBack(target="erp", canary="erp-v2", percent=5, ended_at=at, zh=zh, en=en)]


ROLLED_BACK: Final = AlertRule(
    name=RuleName.ROLLED_BACK,
    severity=Severity.P2,
    title=Text("灰度已自动回退", "a rollout was rolled back"),
    read=rolled_back,
    evaluate=_evaluate,
    fires=_example,
    quiet=lambda now: _example(now - 2 * OPEN_FOR),
)
