"""Setting a consumer group back to a time: which group is meant, what stands in the way, from where to where. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from bus.consistency.shown_names import shown
from bus.consistency.subscriptions import Subscription, group_of_the_bus
from bus.consistency.topic_mismatch import evidence_of
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.kafka.group_members import ConsumerGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRewind:
    """A partition of a topic, named as Kafka names it: the offset committed before and after; None: never any."""

    topic: str
    partition: int
    before: int | None
    after: int

    @property
    def again(self) -> int:
        """Say how many offsets are read again."""
        return 0 if self.before is None else self.before - self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionMarks:
    """A partition's first offset and the one after its last record; `oldest_at`: when its first record was written.

    `oldest_at` None: it is not known, as nothing is there or nothing was deleted before it.
    """

    low: int
    end: int
    oldest_at: datetime | None = None


def group_of(subscribed: Sequence[Subscription], groups: Iterable[ConsumerGroup], named: str | None) -> ConsumerGroup:
    """Give the one group of a subscriber that is meant. Raises Conflict where there is none, or are several."""
    client = subscribed[0].client
    own = [one for one in groups if any(row.is_read_by(shown(one.name)) for row in subscribed)]
    names = ", ".join(sorted(one.name for one in own))
    if named is not None:
        found = [one for one in own if one.name == named]
        if not found:
            zh = f"{client} 没有消费组 {named},有:{names or '无'}"
            raise Conflict(Text(zh, f"{client} has no consumer group {named}; it has: {names or 'none'}"))
        return found[0]
    if not own:
        declared = ", ".join(dict.fromkeys(name for row in subscribed for name in row.groups))
        zh = f"Kafka 上没有 {client} 的消费组({declared}):它从未提交过位移"
        en = f"Kafka knows no consumer group of {client} ({declared}): it has never committed an offset"
        raise Conflict(Text(zh, en))
    if len(own) > 1:
        zh = f"{client} 有多个消费组,请用 --group 指定:{names}"
        raise Conflict(Text(zh, f"{client} has several groups, name one by --group: {names}"))
    return own[0]


def refuse_own(group: ConsumerGroup, namespace: str) -> None:
    """Refuse a group of the bus itself, whatever an older subscription names. Raises Conflict."""
    if group_of_the_bus(shown(group.name), shown(namespace)):
        zh = f"{group.name} 是总线自己的消费组:请修改该订阅的 --group"
        en = f"{group.name} is a group of the bus itself: add the subscription anew with a --group of its own"
        raise Conflict(Text(zh, en))


def refuse_members(group: ConsumerGroup) -> None:
    """Refuse a group that reads now. Raises Conflict that says who."""
    if group.size:
        who = "; ".join(sorted(evidence_of(group.members))) or str(group.size)
        zh = f"消费组 {group.name} 有成员,先让它们停止:{who}"
        raise Conflict(Text(zh, f"the group {group.name} has members, stop them first: {who}"))


def refuse_time(
    to: datetime,
    now: datetime,
    marks: Mapping[tuple[str, int], PartitionMarks],
    kept_for: Mapping[str, timedelta | None],
) -> None:
    """Refuse a time that is to come, or of which records are deleted. Raises Conflict that says the oldest there is.

    `kept_for`: how long a topic's records are kept for certain; None: for no certain time.
    """
    if to > now:
        raise Conflict(Text(f"{to:%Y-%m-%d %H:%M:%S}Z 尚未到来", f"{to:%Y-%m-%d %H:%M:%S}Z is still to come"))
    gone = [
        one.oldest_at or now
        for (topic, _), one in marks.items()
        if one.low > 0 and (one.oldest_at is None or one.oldest_at > to) and not _kept(to, now, kept_for[topic])
    ]
    if gone:
        oldest = f"{max(gone):%Y-%m-%dT%H:%M:%SZ}"
        zh = f"{to:%Y-%m-%d %H:%M:%S}Z 的消息已有删除,最早可到 {oldest}"
        en = f"records of {to:%Y-%m-%d %H:%M:%S}Z are deleted already; the oldest time that is there whole is {oldest}"
        raise Conflict(Text(zh, en))


def _kept(to: datetime, now: datetime, kept_for: timedelta | None) -> bool:
    return kept_for is not None and to >= now - kept_for


def rewinds(
    marks: Mapping[tuple[str, int], PartitionMarks],
    committed: Mapping[tuple[str, int], int],
    at_time: Mapping[tuple[str, int], int],
) -> list[PartitionRewind]:
    """Say from where to where each partition goes: never forward, which would pass over what is not read yet."""
    found = []
    for place, one in sorted(marks.items()):
        before, wanted = committed.get(place), at_time.get(place, one.end)
        after = wanted if before is None else min(before, wanted)
        found.append(PartitionRewind(topic=place[0], partition=place[1], before=before, after=after))
    return found


def rewind_json(one: PartitionRewind) -> dict[str, Any]:
    """Give a partition as `--json` shows it."""
    return {**asdict(one), "again": one.again}
