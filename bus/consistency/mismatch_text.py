"""An undeclared topic that is used, in words: who uses it, how bad that is, which name was meant. Pure."""

from typing import Final

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.subscriptions import owner_text
from bus.consistency.topic_mismatch import MismatchKind, TopicMismatch
from bus.domain.naming import did_you_mean
from bus.domain.text import Text

MEMBERS_SHOWN: Final = 3
LIST: Final = "ticketbus topics list"


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


def about_of(one: TopicMismatch) -> str:
    """Name who uses which topic."""
    return f"{one.who} → {one.topic}" if one.who else one.topic


def mismatch_result(one: TopicMismatch) -> CheckResult:
    """Give it as a result of a check."""
    return CheckResult(
        code=CheckCode.UNDECLARED,
        about=about_of(one),
        text=mismatch_text(one),
        severity=severity_of(one),
        evidence=one.members,
        nearest=one.nearest,
        mend=mend_of(one),
    )
