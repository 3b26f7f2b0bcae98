"""The rule on topics that somebody uses and nobody declares: a subscription to one gets nothing, without an error."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.consistency.mismatch_store import OPEN_FOR, open_now, read_mismatches
from bus.consistency.mismatch_text import about_of, mend_of, mismatch_text, severity_of
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.domain.text import Text

Mismatches = Sequence[TopicMismatch]


def _evaluate(found: Mismatches, now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in open_now(found, now)]


def _alert(one: TopicMismatch) -> Alert:
    text = mismatch_text(one)
    return Alert(
        rule=RuleName.TOPIC_MISMATCH,
        about=about_of(one),
        zh=text.zh,
        en=text.en,
        mend=mend_of(one),
        severity=severity_of(one),
        facts={"kind": one.kind.value, "nearest": one.nearest, "times": one.times, "owner": one.owner},
    )


def _example(at: datetime) -> Mismatches:
    return [
        TopicMismatch(
            kind=MismatchKind.SUBSCRIPTION,
            topic="ticket.assigns",
            who="example",
            nearest="ticket.assign",
            members=("client-1 @ 192.0.2.1 (client-1-member)",),
            last_at=at,
        )
    ]


TOPIC_MISMATCH: Final = AlertRule(
    name=RuleName.TOPIC_MISMATCH,
    severity=Severity.P1,
    title=Text("使用了未声明的主题", "an undeclared topic is used"),
    read=read_mismatches,
    evaluate=_evaluate,
    fires=_example,
    quiet=lambda now: _example(now - 2 * OPEN_FOR[MismatchKind.SUBSCRIPTION]),
)
