"""The rule on topics that somebody uses and nobody declares: a subscription to one gets nothing, without an error."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.consistency.mismatch_store import OPEN_FOR, read_mismatches
from bus.consistency.subscriptions import owner_text
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.domain.naming import did_you_mean
from bus.domain.text import Text

MEMBERS_SHOWN: Final = 3
LIST: Final = "ticketbus topics list"
Mismatches = Sequence[TopicMismatch]


def mismatch_text(one: TopicMismatch) -> Text:
    """Say of one mismatch who uses what, and which name was meant."""
    meant = did_you_mean(one.nearest)
    if one.kind is MismatchKind.TOPIC:
        records_zh, records_en = "写入它的消息无人读取", "What is written to it nobody reads"
        if one.records:
            records_zh, records_en = f"已有 {one.records} 条消息,无人读取", f"Nobody reads its {one.records} records"
        return Text(
            f"Kafka 上有未声明的主题 {one.topic}{meant.zh} {records_zh}",
            f"the topic {one.topic} is on the broker and nobody declares it{meant.en} {records_en}",
        )
    owner = owner_text(one.owner, one.contact)
    if one.kind is MismatchKind.STREAM:
        hosts = f" ({'; '.join(one.members[:MEMBERS_SHOWN])})" if one.members else ""
        return Text(
            f"网关客户端 {one.who}{hosts} 订阅未声明的主题 {one.topic},被拒绝 {one.times} 次{meant.zh}{owner.zh}",
            f"the gateway's client {one.who}{hosts} asked for the undeclared topic {one.topic}, "
            f"refused {one.times} times{meant.en}{owner.en}",
        )
    listed = "; ".join(one.members[:MEMBERS_SHOWN])
    more = len(one.members) - MEMBERS_SHOWN
    more_zh, more_en = (f" 等 {len(one.members)} 个成员", f" and {more} more") if more > 0 else ("", "")
    return Text(
        f"消费组 {one.who} 订阅未声明的主题 {one.topic},收不到任何消息{meant.zh} 成员:{listed}{more_zh}{owner.zh}",
        f"the group {one.who} subscribes to the undeclared topic {one.topic} and gets nothing{meant.en}"
        f" Members: {listed}{more_en}{owner.en}",
    )


def mend_of(one: TopicMismatch) -> str:
    """Give what mends it: the subscription that was meant, or the list of topics to choose from."""
    if not one.nearest or one.kind is MismatchKind.TOPIC:
        return LIST
    return f"/v1/stream?topics={one.nearest}" if one.kind is MismatchKind.STREAM else f'subscribe(["{one.nearest}"])'


def severity_of(one: TopicMismatch) -> Severity:
    """Judge: a misspelled subscription gets nothing without an error; a refused client was told; a topic that nobody
    writes can wait.
    """
    if one.kind is MismatchKind.TOPIC:
        return Severity.P2 if one.records else Severity.P3
    return Severity.P1 if one.kind is MismatchKind.SUBSCRIPTION and one.nearest else Severity.P2


def _evaluate(found: Mismatches, now: datetime) -> Sequence[Alert]:
    return [_alert(one) for one in found if one.last_at and now - one.last_at <= OPEN_FOR[one.kind]]


def _alert(one: TopicMismatch) -> Alert:
    text = mismatch_text(one)
    return Alert(
        rule=RuleName.TOPIC_MISMATCH,
        about=f"{one.who} → {one.topic}" if one.who else one.topic,
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
