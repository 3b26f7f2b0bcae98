"""Consumer groups, what they have committed, and both water marks of their topics, read together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.kafka.broker_topic import TopicRefused, describe
from bus.kafka.group_members import ConsumerGroup, committed_offsets, consumer_groups
from bus.kafka.range_reader import RangeReader

LONG_MS: Final = 100 * 365 * 86_400_000  # kept for so long is for ever: a later time may not be a date any more


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMarks:
    """A topic's partitions by number, each with its first offset and its last stable one, and how long it is kept.

    `retention` None: for ever. `by_size`: older records make room for newer ones.
    """

    marks: Mapping[int, tuple[int, int]]
    retention: timedelta | None
    by_size: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConsumers:
    """All groups with what each has committed, all topics' names, and the marks of those that were asked for."""

    groups: Sequence[ConsumerGroup]
    committed: Mapping[str, Mapping[TopicPartition, int]]
    names: Collection[str]
    topics: Mapping[str, TopicMarks]


async def read_consumers(
    client: AIOKafkaAdminClient, reader: RangeReader, retentions: Mapping[str, timedelta | None]
) -> KafkaConsumers:
    """Read them; the offsets before the marks, so that an end never lies before what was committed.

    `retentions`: the topics asked for, and how long each is kept where the broker does not let this program see its
    configs. Raises KafkaError, KafkaUnavailable.
    """
    groups = await consumer_groups(client)
    committed = {one.name: await committed_offsets(client, one) for one in groups}
    described = await client.describe_topics()
    partitions = {one["topic"]: [each["partition"] for each in one["partitions"]] for one in described}
    kept = await _kept(client, retentions)
    topics = {}
    for name in sorted(retentions.keys() & partitions.keys()):
        lows = await reader.starts(name, partitions[name])
        ends = await reader.ends(name, partitions[name])
        retention, by_size = kept.get(name, (retentions[name], False))
        marks = {one: (low, max(low, ends[one])) for one, low in lows.items()}
        topics[name] = TopicMarks(marks=marks, retention=retention, by_size=by_size)
    return KafkaConsumers(groups=groups, committed=committed, names=[*partitions], topics=topics)


async def _kept(client: AIOKafkaAdminClient, names: Collection[str]) -> Mapping[str, tuple[timedelta | None, bool]]:
    """Read for how long topics are kept, and whether by size too; nothing where this program may not see it."""
    try:
        found = await describe(client, names)
    except TopicRefused:
        return {}
    return {name: kept_for(one.configs) for name, one in found.items()}


def kept_for(configs: Mapping[str, str]) -> tuple[timedelta | None, bool]:
    """Say for how long a topic with these configs keeps a record, None for ever, and whether by size too. Pure."""
    if "delete" not in configs.get("cleanup.policy", ""):
        return None, False
    kept_ms = int(configs.get("retention.ms") or -1)
    retention = timedelta(milliseconds=kept_ms) if 0 <= kept_ms < LONG_MS else None
    return retention, int(configs.get("retention.bytes") or -1) >= 0


async def first_record(
    reader: RangeReader, topic: str, partition: int, start: int, end: int
) -> tuple[int, datetime | None]:
    """Give offset and time of the first record in [start, end) of a partition; `end` and None where there is none.

    Raises KafkaUnavailable.
    """
    chunks = reader.read(topic, partition, start, end, most=1)
    try:
        async for chunk in chunks:
            for record in chunk.records:
                return record.offset, datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    finally:
        await chunks.aclose()
    return end, None
