"""What one round saw of every consumer: of groups by Kafka, of this bus's own readers by their own offsets. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition

from bus.consistency.consumer_history import ConsumerKind, PartitionOffsets, TopicReading
from bus.kafka.consumer_offsets import KafkaConsumers, TopicMarks
from bus.stage.offsets import HandlerPosition

Key = tuple[ConsumerKind, str, str]  # kind, consumer, topic


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReader:
    """A stage: its group, its topic, and the handlers that each keep their own offsets; Kafka's are not looked at."""

    group: str
    topic: str
    handlers: tuple[str, ...]


def group_readings(
    kafka: KafkaConsumers,
    own: Sequence[OwnReader],
    positions: Iterable[HandlerPosition],
    remembered: Iterable[Key],
    at: datetime,
) -> Mapping[Key, TopicReading]:
    """Put together what each group does on each topic that was asked for.

    Every group with offsets or members there, this bus's own readers, and those that are remembered: it may be gone.
    """
    groups = {one.name: one for one in kafka.groups}
    handlers = {(one.group, one.topic): one.handlers for one in own}
    moved = list(positions)
    known = {(name, topic) for kind, name, topic in remembered if kind is ConsumerKind.GROUP}
    seen = {(name, where.topic) for name, found in kafka.committed.items() for where in found}
    joined = {(each.group, topic) for one in kafka.groups for each in one.members for topic in each.topics}
    readings = {}
    for name, topic in sorted(known | seen | joined | handlers.keys()):
        if (marks := kafka.topics.get(topic)) is None:
            continue
        group = groups.get(name)
        committed = (
            _of_handlers(handlers[name, topic], topic, moved)
            if (name, topic) in handlers
            else _of_kafka(kafka.committed.get(name, {}), topic)
        )
        members = group.members_on(topic) if group else 0
        readings[ConsumerKind.GROUP, name, topic] = TopicReading(
            at=at,
            members=members,
            partitions=_partitions(marks, committed),
            elsewhere=group.elsewhere(topic) if group else None,
        )
    return readings


def _partitions(marks: TopicMarks, committed: Mapping[int, int]) -> Mapping[int, PartitionOffsets]:
    return {
        one: PartitionOffsets(committed=committed.get(one), low=low, end=end) for one, (low, end) in marks.marks.items()
    }


def _of_kafka(committed: Mapping[TopicPartition, int], topic: str) -> Mapping[int, int]:
    return {where.partition: offset for where, offset in committed.items() if where.topic == topic}


def _of_handlers(handlers: Sequence[str], topic: str, positions: Iterable[HandlerPosition]) -> Mapping[int, int]:
    """Give the least of the handlers' offsets on each partition that all of them have begun."""
    found = dict[int, list[int]]()
    for one in positions:
        if one.handler in handlers and one.topic == topic:
            found.setdefault(one.partition, []).append(one.next_offset)
    return {partition: min(offsets) for partition, offsets in found.items() if len(offsets) == len(handlers)}
