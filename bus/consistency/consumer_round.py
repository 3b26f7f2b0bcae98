"""One round over all consumers: histories go on, the oldest unread records are looked up, each consumer is judged."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bus.consistency.consumer_history import ConsumerHistory, ConsumerKind, OldestUnread, partition_histories
from bus.consistency.consumer_readings import OwnReader, group_readings
from bus.consistency.consumer_store import Judged, KnownConsumer, known_consumers, queue_readings, store_consumers
from bus.consistency.consumer_verdict import RANK, ConsumerStatus, ConsumerVerdict, verdict
from bus.domain.errors import KafkaUnavailable
from bus.kafka.consumer_offsets import KafkaConsumers, first_record
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Pool, connected
from bus.stage.offsets import positions

LOOKS_MAX: Final = 24  # in one round: each is a fetch
LookUp = Callable[[str, int, int, int], Awaitable[tuple[int, datetime | None]]]


async def judge_consumers(
    pool: Pool, reader: RangeReader, kafka: KafkaConsumers, own: Sequence[OwnReader]
) -> Sequence[ConsumerStatus]:
    """Judge every group and every queue, and store that. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        ((now,),) = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
        known = await known_consumers(connection, now)
        queues = await queue_readings(connection, known, now)
        handlers = await positions(connection)
    readings = dict(group_readings(kafka, own, handlers, known, now)) | {key: one for key, (one, _) in queues.items()}
    declared = {(one.group, one.topic) for one in own}
    judged = []
    looks_left = LOOKS_MAX
    for key, reading in readings.items():
        kind, consumer, topic = key
        marks = kafka.topics.get(topic) if kind is ConsumerKind.GROUP else None
        stored = known.get(key)
        history = ConsumerHistory(
            kind=kind,
            consumer=consumer,
            topic=topic,
            readings=[*(stored.readings if stored else ()), reading],
            declared=kind is ConsumerKind.GROUP and (consumer, topic) in declared,
            had_offsets=stored is not None and stored.status.had_offsets,
            retention=marks.retention if marks else None,
            by_size=bool(marks and marks.by_size),
            looks=stored.looks if stored else {},
        )
        if kind is ConsumerKind.QUEUE:
            oldest = queues[key][1]
            history = replace(history, looks={0: oldest} if oldest else {})
        else:
            looks = await look_up(reader, history, looks_left)
            looks_left -= sum(history.looks.get(one) != found for one, found in looks.items())
            history = replace(history, looks=looks)
        status = carried(stored, verdict(history, now))
        judged.append(Judged(status=status, reading=reading, looks=history.looks))
    async with connected(pool) as connection:
        await store_consumers(connection, judged, now)
    return [one.status for one in judged]


async def look_up(reader: RangeReader, history: ConsumerHistory, most: int) -> Mapping[int, OldestUnread]:
    """Look which record is the oldest unread one where that is worth it; what was found before stays while it holds.

    A topic that this program may not read keeps its secret: then every offset counts as a record.
    """
    found = dict[int, OldestUnread]()
    for partition, one in partition_histories(history).items():
        if one.known:
            found[partition] = one.known
        if not one.to_look_up or most <= 0:
            continue
        most -= 1
        try:
            offset, at = await first_record(reader, history.topic, partition, one.first_unread, one.last.end)
        except KafkaUnavailable:
            break
        found[partition] = OldestUnread(position=one.base(one.last), next_offset=offset, record_at=at)
    return found


def carried(stored: KnownConsumer | None, status: ConsumerStatus) -> ConsumerStatus:
    """Give a status the time since when its verdict has held, where it was the same before. Pure."""
    if stored is None or stored.status.verdict is not status.verdict:
        return status
    return replace(status, since=min(status.since, stored.status.since))


def unhealthy(status: ConsumerStatus) -> bool:
    """Say whether a person must look. Pure."""
    return RANK[status.verdict] < RANK[ConsumerVerdict.OK]
