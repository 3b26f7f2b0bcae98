"""`subscription rewind`: asks Kafka where a subscriber's group stands, and sets its offsets back to a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bus.app import Core
from bus.consistency.rewind import (
    PartitionMarks,
    PartitionRewind,
    group_of,
    refuse_members,
    refuse_own,
    refuse_time,
    rewinds,
)
from bus.consistency.subscription_store import add_rewind, list_subscriptions
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.kafka.clients import admin
from bus.kafka.consumer_offsets import KafkaConsumers, TopicMarks, first_record, read_consumers
from bus.kafka.group_offsets import offsets_at, set_offsets
from bus.kafka.range_reader import RangeReader, open_reader
from bus.postgres.pool import connected
from schemas.topics import physical


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """Where a group of a client goes."""

    client: str
    group: str
    to: datetime
    partitions: Sequence[PartitionRewind]


async def plan_rewind(core: Core, client: str, to: datetime, group: str | None, now: datetime) -> Rewind:
    """Say from where to where; changes nothing. Raises Conflict, KafkaUnavailable, StoreUnavailable."""
    async with connected(core.pool) as connection:
        subscribed = [one.subscription for one in await list_subscriptions(connection, client)]
    if not subscribed:
        raise Conflict(Text(f"没有“{client}”的订阅", f"there is no subscription of {client!r}"))
    to = to.astimezone(UTC)
    namespace, topics = core.settings.namespace, core.contract.topics
    retentions = {
        physical(namespace, name): topics[name].retention for one in subscribed for name in one.topics if name in topics
    }
    async with open_reader(core.settings) as reader, admin(core.settings) as client_of_kafka:
        kafka = await read_consumers(client_of_kafka, reader, retentions)
        meant = group_of(subscribed, kafka.groups, group)
        refuse_own(meant, namespace)
        refuse_members(meant)
        committed = {
            (where.topic, where.partition): offset for where, offset in kafka.committed.get(meant.name, {}).items()
        }
        read = [name for name in kafka.topics if any(topic == name for topic, _ in committed)] or [*kafka.topics]
        marks = await _marks(reader, kafka, read)
    refuse_time(to, now, marks, {name: _kept_for(kafka.topics[name]) for name in read})
    at_time = await offsets_at(core.settings, marks, to)
    return Rewind(client=client, group=meant.name, to=to, partitions=rewinds(marks, committed, at_time))


async def rewind(core: Core, plan: Rewind, *, by: str, why: str) -> None:
    """Set the offsets, and write who did it; where Kafka refuses, nothing is written. Raises as `plan_rewind`."""
    moved = [(one.topic, one.partition, one.before, one.after) for one in plan.partitions if one.before != one.after]
    if not moved:
        return
    async with connected(core.pool) as connection:
        row = {"client": plan.client, "group": plan.group, "to": plan.to, "by": by, "why": why}
        await add_rewind(connection, row, moved)
        await set_offsets(core.settings, plan.group, {(topic, number): after for topic, number, _, after in moved})


def _kept_for(topic: TopicMarks) -> timedelta | None:
    return None if topic.by_size else topic.retention


async def _marks(
    reader: RangeReader, kafka: KafkaConsumers, topics: Sequence[str]
) -> Mapping[tuple[str, int], PartitionMarks]:
    """Read when the first record of each partition was written, of those from which some are deleted."""
    found = {}
    for topic in topics:
        for number, (low, end) in kafka.topics[topic].marks.items():
            oldest_at = (await first_record(reader, topic, number, low, end))[1] if 0 < low < end else None
            found[topic, number] = PartitionMarks(low=low, end=end, oldest_at=oldest_at)
    return found
