"""Who reads which declared topic, held against the readers of the contract and against subscriptions. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bus.alerts.alert import Severity
from bus.consistency.check_result import CheckCode, CheckResult
from bus.consistency.shown_names import shown
from bus.consistency.subscriptions import ListedSubscription, Subscription, check_subscription, subscription_of
from bus.consistency.topic_mismatch import evidence_of
from bus.domain.text import Text
from bus.kafka.group_members import GroupMember
from schemas.acls import STAGES
from schemas.topics import Contract, physical

READS_NOW: Final = timedelta(seconds=60)  # six rounds
SUBSCRIBED_WITHIN: Final = timedelta(days=1)  # some read once a night
NEW_FOR: Final = timedelta(minutes=10)
"""So long a subscription that nobody was seen reading by is no mistake yet: its reader is being started."""
MEMBERS_SHOWN: Final = 3


class ReaderKind(StrEnum):
    """Where somebody reads."""

    GROUP = "group"  # a consumer group of Kafka
    STREAM = "stream"  # a client of the gateway's WebSocket stream


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReader:
    """A consumer group, or a client of the gateway, that reads a topic, which is named as the contract names it."""

    kind: ReaderKind
    who: str
    topic: str
    members: tuple[str, ...] = ()
    first_at: datetime | None = None
    last_at: datetime | None = None


def seen_by(one: Subscription, readers: Iterable[TopicReader]) -> dict[str, datetime | None]:
    """Say when each topic was last seen read by this subscriber."""
    return {reader.topic: reader.last_at for reader in readers if one.is_read_by(reader.who)}


def added_lately(listed: Iterable[ListedSubscription], now: datetime) -> list[Subscription]:
    """Give those that were added just now."""
    return [one.subscription for one in listed if now - one.added_at < NEW_FOR]


def group_readers(contract: Contract, namespace: str, members: Iterable[GroupMember]) -> list[TopicReader]:
    """Give who reads the declared topics by the members of consumer groups."""
    declared = {physical(namespace, name): name for name in contract.topics}
    reading = dict[tuple[str, str], list[GroupMember]]()
    for member in members:
        for topic in member.topics:
            if topic in declared:
                reading.setdefault((member.group, declared[topic]), []).append(member)
    return [
        TopicReader(kind=ReaderKind.GROUP, who=shown(group), topic=topic, members=tuple(sorted(evidence_of(users))))
        for (group, topic), users in sorted(reading.items())
    ]


def check_readers(
    contract: Contract,
    namespace: str,
    *,
    seen: Sequence[TopicReader],
    subscriptions: Sequence[Subscription],
    ends: Mapping[str, int],
    now: datetime,
    new: Collection[Subscription] = (),
) -> list[CheckResult]:
    """Find declared readers that do not read, subscribers without a row, and rows without a subscriber.

    `seen` is all who were ever seen, those who read now with `last_at` now; `ends` how many records each topic has had;
    `new` are subscriptions that need not be read yet.
    """
    return [
        *_own_readers(contract, namespace, seen, now),
        *_undeclared_readers(contract, namespace, seen, now),
        *check_subscribers(contract, namespace, seen=seen, subscriptions=subscriptions, ends=ends, now=now, new=new),
    ]


def check_subscribers(
    contract: Contract,
    namespace: str,
    *,
    seen: Sequence[TopicReader],
    subscriptions: Sequence[Subscription],
    ends: Mapping[str, int],
    now: datetime,
    new: Collection[Subscription] = (),
) -> list[CheckResult]:
    """Find of readers from outside those without a row, rows without a reader, and topics that were never written.

    The arguments are those of `check_readers`; a topic that is not in `ends` is not judged.
    """
    return [
        *_without_a_row(namespace, seen, subscriptions, now),
        *(wrong for one in subscriptions for wrong in check_subscription(one, contract)),
        *(never for one in subscriptions if one not in new for never in _never_seen(one, seen)),
        *_unwritten(namespace, seen, ends, now),
    ]


def from_outside(namespace: str, seen: Iterable[TopicReader]) -> list[TopicReader]:
    """Leave out the bus's own groups."""
    return [one for one in seen if not _ours(namespace, one)]


def _own_readers(
    contract: Contract, namespace: str, seen: Sequence[TopicReader], now: datetime
) -> Iterator[CheckResult]:
    """Judge the stages alone: the stream and people read without a group."""
    last = {(one.who, one.topic): one for one in seen if one.kind is ReaderKind.GROUP}
    for topic, declared in contract.topics.items():
        for part in sorted({*declared.readers} & {*STAGES}):
            group = physical(namespace, f"ticketbus.{part}")
            one = last.get((shown(group), topic))
            if one is None or one.last_at is None:
                code, zh, en = CheckCode.READER_NEVER_SEEN, "从未读取", "has never read"
            elif now - one.last_at > READS_NOW:
                at = f"{one.last_at:%Y-%m-%d %H:%M:%S}Z"
                code, zh, en = CheckCode.READER_ABSENT, f"自 {at} 起未读取", f"has not read since {at}"
            else:
                continue
            yield CheckResult(
                code=code,
                about=f"{group} → {topic}",
                severity=Severity.P2,
                text=Text(f"声明的读者 {part} {zh}主题 {topic}", f"the declared reader {part} {en} {topic}"),
                evidence=_members(one),
                mend=f"ticketbus worker --stages {part}",
            )


def _undeclared_readers(
    contract: Contract, namespace: str, seen: Sequence[TopicReader], now: datetime
) -> Iterator[CheckResult]:
    for one in seen:
        if not (one.last_at and now - one.last_at <= READS_NOW and _ours(namespace, one)):
            continue
        part, declared = one.who.rpartition("ticketbus.")[2], contract.topics.get(one.topic)
        if declared is not None and part not in declared.readers:
            yield CheckResult(
                code=CheckCode.READER_UNDECLARED,
                about=f"{one.who} → {one.topic}",
                severity=Severity.P2,
                text=Text(
                    f"{part} 读取 {one.topic},契约未列为读者",
                    f"{part} reads {one.topic}, and is no declared reader of it",
                ),
                evidence=_members(one),
                mend=f"schemas/topics.yaml: {one.topic}: readers",
            )


def _without_a_row(
    namespace: str, seen: Sequence[TopicReader], subscriptions: Sequence[Subscription], now: datetime
) -> Iterator[CheckResult]:
    reading = dict[tuple[ReaderKind, str], list[TopicReader]]()
    for one in seen:
        if one.last_at and now - one.last_at <= SUBSCRIBED_WITHIN and not _ours(namespace, one):
            reading.setdefault((one.kind, one.who), []).append(one)
    for (kind, who), readers in sorted(reading.items()):
        row = subscription_of(subscriptions, who)
        undeclared = tuple(one.topic for one in readers if row is None or one.topic not in row.topics)
        if not undeclared:
            continue
        topics = ", ".join(undeclared)
        name = Text("消费组", "the group") if kind is ReaderKind.GROUP else Text("网关客户端", "the gateway's client")
        zh, en = (
            ("没有订阅记录", "no subscription says so") if row is None else ("其订阅未列出", "its row names others")
        )
        options = " ".join(f"--topic {topic}" for topic in undeclared)
        yield CheckResult(
            code=CheckCode.NO_SUBSCRIPTION,
            about=who,
            text=Text(f"{name.zh} {who} 读取 {topics},{zh}", f"{name.en} {who} reads {topics}, and {en}"),
            evidence=_members(readers[0]),
            mend=f"ticketbus subscription add NAME --owner … --contact … {options}"
            + (f" --group {who}" if kind is ReaderKind.GROUP else ""),
        )


def _never_seen(one: Subscription, seen: Sequence[TopicReader]) -> Iterator[CheckResult]:
    reading = {reader.topic for reader in seen if one.is_read_by(reader.who)}
    missing = [topic for topic in one.topics if topic not in reading]
    if missing:
        topics = ", ".join(missing)
        yield CheckResult(
            code=CheckCode.SUBSCRIBER_NEVER_SEEN,
            about=one.client,
            severity=Severity.P3,
            text=Text(
                f"订阅者 {one.client} 从未读取 {topics}(负责人 {one.owner},联系 {one.contact})",
                f"the subscriber {one.client} has never been seen reading {topics}; "
                f"owner {one.owner}, contact {one.contact}",
            ),
            evidence=one.groups,
            mend=f"ticketbus subscription show {one.client}",
        )


def _unwritten(
    namespace: str, seen: Sequence[TopicReader], ends: Mapping[str, int], now: datetime
) -> Iterator[CheckResult]:
    for one in seen:
        if one.last_at and now - one.last_at <= READS_NOW and not _ours(namespace, one) and ends.get(one.topic) == 0:
            yield CheckResult(
                code=CheckCode.UNWRITTEN,
                about=f"{one.who} → {one.topic}",
                text=Text(
                    f"{one.who} 读取 {one.topic},该主题从未有过消息",
                    f"{one.who} reads {one.topic}, to which no record was ever written",
                ),
                evidence=_members(one),
                mend="ticketbus topics list",
            )


def _ours(namespace: str, one: TopicReader) -> bool:
    return one.kind is ReaderKind.GROUP and one.who.startswith(shown(physical(namespace, "ticketbus.")))


def _members(one: TopicReader | None) -> tuple[str, ...]:
    return one.members[:MEMBERS_SHOWN] if one else ()
