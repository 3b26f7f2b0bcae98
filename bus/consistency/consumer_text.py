"""A consumer's verdict in words: what it is called, and the figures that it is made of. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bus.consistency.consumer_history import ConsumerKind
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.consistency.shown_names import shown
from bus.domain.text import Text
from bus.domain.time_text import TO_THE_MINUTE, time_text

UNWATCHED_AFTER: Final = timedelta(minutes=1)  # six rounds
WORDS: Final[Mapping[ConsumerVerdict, Text]] = {
    ConsumerVerdict.HAS_LOST: Text("已丢消息", "has lost"),
    ConsumerVerdict.WILL_LOSE: Text("将丢消息", "will lose"),
    ConsumerVerdict.VANISHED: Text("已消失", "vanished"),
    ConsumerVerdict.STOPPED: Text("已停止", "stopped"),
    ConsumerVerdict.STALLED: Text("卡住", "stalled"),
    ConsumerVerdict.NEVER_STARTED: Text("从未启动", "never started"),
    ConsumerVerdict.SLOW: Text("跟不上", "slow"),
    ConsumerVerdict.REWOUND: Text("位移回退", "rewound"),
    ConsumerVerdict.UNSUBSCRIBED: Text("已不再订阅", "not subscribed any more"),
    ConsumerVerdict.OK: Text("正常", "ok"),
    ConsumerVerdict.IDLE: Text("空闲", "idle"),
}


def named(one: ConsumerStatus) -> Text:
    """Name a consumer."""
    name = shown(one.consumer)
    if one.kind is ConsumerKind.QUEUE:
        return Text(f"发往 {name} 的投递队列", f"the queue of deliveries to {name}")
    return Text(f"消费组 {name} 在 {one.topic} 上", f"the group {name} on {one.topic}")


def evidence(one: ConsumerStatus) -> Text:
    """Give the figures that say so: of the worst partition, and who is there."""
    count, at = one.members, "-" if one.committed is None else one.committed
    members = Text("成员未知", "members unknown") if count is None else Text(f"成员 {count}", f"members {count}")
    waiting = _waiting(one)
    where = Text(f"分区 {one.partition} 位移 {at}/{one.ends}", f"partition {one.partition} at {at} of {one.ends}")
    where = where if one.kind is ConsumerKind.GROUP else Text("", "")
    extra = _extra(one)
    return Text(
        ", ".join(filter(None, (waiting.zh, where.zh, members.zh, extra.zh))),
        ", ".join(filter(None, (waiting.en, where.en, members.en, extra.en))),
    )


def _waiting(one: ConsumerStatus) -> Text:
    if one.lag:
        return Text(f"未处理 {one.lag} 条", f"{one.lag} unread")
    if partly_begun(one):
        return Text("有无未处理不得而知", "what is unread is not known")
    return Text("无积压", "nothing unread")


def partly_begun(one: ConsumerStatus) -> bool:
    """Say whether it has committed offsets, and none ever on a partition that has records."""
    return ConsumerVerdict.NEVER_STARTED in one.verdicts and one.had_offsets


def _extra(one: ConsumerStatus) -> Text:
    found = list[Text]()
    if ConsumerVerdict.HAS_LOST in one.verdicts and one.committed is not None:
        found.append(Text(f"已删除到 {one.low}", f"deleted up to {one.low}"))
    if ConsumerVerdict.REWOUND in one.verdicts and one.highest is not None:
        found.append(Text(f"曾到 {one.highest}", f"was at {one.highest}"))
    if one.loses_at and ConsumerVerdict.WILL_LOSE in one.verdicts:
        at = time_text(one.loses_at, TO_THE_MINUTE)
        found.append(Text(f"最早未读消息将于 {at.zh} 过期", f"the oldest unread record expires at {at.en}"))
    return Text(", ".join(each.zh for each in found), ", ".join(each.en for each in found))


def age_text(at: datetime | None, now: datetime) -> str:
    """Give how long ago a time was, in its largest unit; empty without one."""
    if at is None:
        return ""
    seconds = max(0, int((now - at).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def watched(found: Sequence[ConsumerStatus], now: datetime) -> bool:
    """Say whether a worker has judged consumers within the last minute: else what is known of them is old."""
    return any(now - one.read_at <= UNWATCHED_AFTER for one in found)


def consumer_json(one: ConsumerStatus) -> dict[str, Any]:
    """Give a consumer as lists and answers show it."""
    figures = evidence(one)
    return {
        "kind": one.kind.value,
        "consumer": shown(one.consumer),
        "topic": one.topic,
        "verdict": one.verdict.value,
        "verdicts": [each.value for each in one.verdicts],
        "since": one.since,
        "lag": one.lag,
        "members": one.members,
        "oldest_at": one.oldest_at,
        "loses_at": one.loses_at,
        "partition": one.partition,
        "committed": one.committed,
        "low": one.low,
        "end": one.ends,
        "evidence": figures.zh,
        "evidence_en": figures.en,
        "read_at": one.read_at,
    }
