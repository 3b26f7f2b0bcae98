"""Rules about those who read topics, and about queues of deliveries: one for each verdict that needs a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.consistency.consumer_history import ConsumerKind
from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_text import age_text, evidence, named, partly_begun
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict
from bus.consistency.shown_names import shown
from bus.consistency.subscription_store import subscriptions
from bus.consistency.subscriptions import Subscription, owner_text, subscription_of
from bus.domain.text import Text
from bus.postgres.pool import Connection

AT_ONCE: Final = timedelta(hours=4)
OPEN_AFTER: Final = timedelta(seconds=30)  # beside the minute that the verdict itself takes
CLOSE_AFTER: Final = timedelta(minutes=1)
Consumers = Sequence[tuple[ConsumerStatus, Subscription | None]]
_LIST: Final = "ticketbus consumers list"
_EFFECTS: Final = {
    ConsumerVerdict.HAS_LOST: Text("尚未读取的消息已被删除", "records are deleted that it has not read"),
    ConsumerVerdict.WILL_LOSE: Text("读得太晚,未读消息即将被删除", "reads too late: records will be deleted unread"),
    ConsumerVerdict.VANISHED: Text(
        "已消失,位移也没有了:再启动时可能漏读或重读。若已停用:ticketbus consumers remove",
        "is gone with its offsets: started again it may skip or repeat. If it is retired: ticketbus consumers remove",
    ),
    ConsumerVerdict.STOPPED: Text("没有成员,消息在积压", "has no members, and records wait"),
    ConsumerVerdict.STALLED: Text(
        "有成员但位移不动,消息在积压", "has members, its offset does not move, and records wait"
    ),
    ConsumerVerdict.NEVER_STARTED: Text("已声明但从未读取", "is declared and has never read"),
    ConsumerVerdict.SLOW: Text("在读,但越落越远", "reads, and falls further behind"),
    ConsumerVerdict.REWOUND: Text("已提交的位移回退,消息会被重复读取", "has committed further before: it reads again"),
    ConsumerVerdict.UNSUBSCRIBED: Text(
        "已不再订阅:成员都只订阅其他主题,但这里仍有它提交的位移。若不再需要,请删除这些位移",
        "does not subscribe any more: its members read other topics, and its committed offsets stay here. "
        "If that is meant, delete them",
    ),
}


async def _read(connection: Connection) -> Consumers:
    """Read every consumer as it was last judged, with its subscription, where a group of others has one."""
    found = await all_consumers(connection)
    known = await subscriptions(connection) if found else []
    return [
        (one, subscription_of(known, shown(one.consumer)) if one.kind is ConsumerKind.GROUP else None) for one in found
    ]


def _about(one: ConsumerStatus) -> str:
    name = shown(one.consumer)
    return f"{name} {one.topic}" if one.kind is ConsumerKind.QUEUE else f"{one.topic} {name}"


def _mend(one: ConsumerStatus, verdict: ConsumerVerdict) -> str:
    if one.kind is ConsumerKind.QUEUE:
        return "ticketbus delivery list"
    if verdict is ConsumerVerdict.UNSUBSCRIBED:
        return f"ticketbus consumers remove {shown(one.consumer)} --topic {one.topic}"
    if one.declared and verdict in (ConsumerVerdict.STOPPED, ConsumerVerdict.NEVER_STARTED):
        return f"ticketbus worker --stages {one.consumer.rpartition('.')[2]}"
    return "ticketbus doctor" if one.declared else _LIST


def _severity(one: ConsumerStatus, verdict: ConsumerVerdict, now: datetime) -> Severity | None:
    """Judge: this bus's own readers and queues are its service; what is lost soon is lost for good."""
    if verdict in (ConsumerVerdict.STOPPED, ConsumerVerdict.STALLED):
        return Severity.P1 if one.declared or one.kind is ConsumerKind.QUEUE else Severity.P2
    if verdict is ConsumerVerdict.WILL_LOSE and one.loses_at and one.loses_at - now < AT_ONCE:
        return Severity.P1
    return Severity.P3 if verdict is ConsumerVerdict.NEVER_STARTED and not one.declared else None


def _effect(one: ConsumerStatus, verdict: ConsumerVerdict) -> Text:
    if verdict is ConsumerVerdict.STALLED and one.members is None:
        return Text("位移不动,消息在积压", "does not move, and records wait")
    if verdict is ConsumerVerdict.NEVER_STARTED and partly_begun(one):
        return Text(
            "提交过别的分区,却从未提交过一个有消息的分区:其中的消息是否会被读取,取决于它的 auto.offset.reset",
            "commits other partitions, and never one that has records: "
            "whether it reads them only its auto.offset.reset says",
        )
    return _EFFECTS[verdict]


def _alert(
    one: ConsumerStatus, row: Subscription | None, rule: RuleName, verdict: ConsumerVerdict, now: datetime
) -> Alert:
    who, what, figures, age = named(one), _effect(one, verdict), evidence(one), age_text(one.oldest_at, now)
    waits = Text(f",最早一条已等 {age}", f", the oldest for {age}") if age else Text("", "")
    owner = owner_text(row.owner, row.contact) if row else Text("", "")
    return Alert(
        rule=rule,
        about=_about(one),
        zh=f"{who.zh}{what.zh}({figures.zh}{waits.zh}){owner.zh}",
        en=f"{who.en} {what.en} ({figures.en}{waits.en}){owner.en}",
        mend=_mend(one, verdict),
        severity=_severity(one, verdict, now),
        facts={"kind": one.kind.value, "lag": one.lag, "own": int(one.declared)},
    )


def _rule(
    name: RuleName,
    severity: Severity,
    title: Text,
    *,
    quiet: ConsumerVerdict = ConsumerVerdict.OK,
    open_after: timedelta = OPEN_AFTER,
) -> AlertRule[Consumers]:
    """Make the rule of one verdict; the self-test's quiet input is one beside it."""
    verdict = ConsumerVerdict(name.value.removeprefix("consumer_"))
    return AlertRule(
        name=name,
        severity=severity,
        title=title,
        read=_read,
        evaluate=lambda found, now: [
            _alert(one, row, name, verdict, now) for one, row in found if verdict in one.verdicts
        ],
        fires=lambda now: [(_example(now, verdict), None)],
        quiet=lambda now: [(_example(now, quiet), None)],
        open_after=open_after,
        close_after=CLOSE_AFTER,
    )


def _example(now: datetime, verdict: ConsumerVerdict) -> ConsumerStatus:
    status = ConsumerStatus(
        kind=ConsumerKind.GROUP,
        consumer="example",
        topic="ticket.assign",
        verdicts=(verdict,),
        since=now - timedelta(minutes=2),
        lag=45,
        members=1,
        oldest_at=now - timedelta(minutes=2),
        loses_at=None,
        partition=3,
        committed=120,
        low=0,
        ends=165,
        highest=120,
        declared=False,
        had_offsets=True,
        read_at=now,
    )
    if verdict is ConsumerVerdict.WILL_LOSE:
        return replace(status, loses_at=now + timedelta(hours=3))
    return status


CONSUMER_RULES: Final = (
    _rule(
        RuleName.CONSUMER_HAS_LOST,
        Severity.P1,
        Text("消费者已丢消息", "a consumer has lost records"),
        quiet=ConsumerVerdict.WILL_LOSE,
        open_after=timedelta(0),
    ),
    _rule(
        RuleName.CONSUMER_WILL_LOSE,
        Severity.P2,
        Text("消费者将丢消息", "a consumer will lose records"),
        quiet=ConsumerVerdict.STOPPED,
    ),
    _rule(
        RuleName.CONSUMER_STOPPED,
        Severity.P2,
        Text("消费者已停止", "a consumer has stopped"),
        quiet=ConsumerVerdict.STALLED,
        open_after=timedelta(0),  # a minute without any member says enough
    ),
    _rule(
        RuleName.CONSUMER_STALLED,
        Severity.P2,
        Text("消费者卡住", "a consumer is stalled"),
        quiet=ConsumerVerdict.STOPPED,
    ),
    _rule(
        RuleName.CONSUMER_NEVER_STARTED,
        Severity.P1,
        Text("消费者从未启动", "a consumer never started"),
        quiet=ConsumerVerdict.IDLE,
    ),
    _rule(RuleName.CONSUMER_VANISHED, Severity.P2, Text("消费者已消失", "a consumer has vanished")),
    _rule(
        RuleName.CONSUMER_SLOW,
        Severity.P2,
        Text("消费者跟不上", "a consumer falls behind"),
        open_after=timedelta(minutes=1),
    ),
    _rule(RuleName.CONSUMER_REWOUND, Severity.P2, Text("消费者的位移回退", "a consumer was rewound")),
    _rule(
        RuleName.CONSUMER_UNSUBSCRIBED,
        Severity.P3,
        Text("消费者已不再订阅主题", "a consumer does not subscribe any more"),
        quiet=ConsumerVerdict.STOPPED,
    ),
)
