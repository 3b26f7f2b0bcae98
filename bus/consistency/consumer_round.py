"""One round over all consumers: histories go on, the oldest unread records are looked up, each consumer is judged."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from bus.consistency.consumer_history import ConsumerHistory, OldestUnread, TopicReading, partition_histories
from bus.consistency.consumer_readings import Key, OwnReader, group_readings
from bus.consistency.consumer_store import Judged, KnownConsumer, known_consumers, queue_readings, store_consumers
from bus.consistency.consumer_verdict import ConsumerStatus, ConsumerVerdict, is_well, verdict
from bus.domain.errors import KafkaUnavailable
from bus.kafka.consumer_offsets import KafkaConsumers, first_record
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Pool, connected
from bus.stage.offsets import positions

log = structlog.get_logger()
LOOKS_MAX: Final = 24  # in one round: each is a fetch


async def judge_consumers(
    pool: Pool, reader: RangeReader, kafka: KafkaConsumers, own: Sequence[OwnReader]
) -> Sequence[ConsumerStatus]:
    """Judge every group and every queue, and store that. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        ((now,),) = await (await connection.execute("SELECT clock_timestamp()")).fetchall()
        known = await known_consumers(connection, now)
        queues = await queue_readings(connection, known, now)
        handlers = await positions(connection)
    remembered = [key for key, one in known.items() if one.status.had_offsets]
    histories = [
        _group_history(key, reading, known.get(key), kafka, own)
        for key, reading in group_readings(kafka, own, handlers, remembered, now).items()
    ]
    histories = await _looked_up(reader, histories)
    histories += [_queue_history(key, *found, known.get(key)) for key, found in queues.items()]
    judged = await asyncio.to_thread(_judged, histories, known, now)
    async with connected(pool) as connection:
        await store_consumers(connection, judged, now)
    return [one.status for one in judged]


def _group_history(
    key: Key,
    reading: TopicReading,
    stored: KnownConsumer | None,
    kafka: KafkaConsumers,
    own: Sequence[OwnReader],
) -> ConsumerHistory:
    kind, group, topic = key
    return ConsumerHistory(
        kind=kind,
        consumer=group,
        topic=topic,
        readings=[*(stored.readings if stored else ()), reading],
        declared=any((one.group, one.topic) == (group, topic) for one in own),
        had_offsets=stored is not None and stored.status.had_offsets,
        unsubscribed=stored is not None and ConsumerVerdict.UNSUBSCRIBED in stored.status.verdicts,
        retention=kafka.topics[topic].retention,
        by_size=kafka.topics[topic].by_size,
        looks=stored.looks if stored else {},
    )


def _queue_history(
    key: Key, reading: TopicReading, oldest: OldestUnread | None, stored: KnownConsumer | None
) -> ConsumerHistory:
    kind, target, topic = key
    readings = [*(stored.readings if stored else ()), reading]
    looks = {0: oldest} if oldest else {}
    return ConsumerHistory(kind=kind, consumer=target, topic=topic, readings=readings, looks=looks)


async def _looked_up(reader: RangeReader, histories: Sequence[ConsumerHistory]) -> list[ConsumerHistory]:
    left, found = LOOKS_MAX, list[ConsumerHistory]()
    for one in histories:
        looks = await look_up(reader, one, left)
        left -= sum(one.looks.get(partition) != look for partition, look in looks.items())
        found.append(replace(one, looks=looks))
    return found


def _judged(
    histories: Sequence[ConsumerHistory], known: Mapping[Key, KnownConsumer], now: datetime
) -> Sequence[Judged]:
    return [
        Judged(
            status=carried(known.get((one.kind, one.consumer, one.topic)), verdict(one, now)),
            reading=one.readings[-1],
            looks=one.looks,
        )
        for one in histories
    ]


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
        except KafkaUnavailable as error:
            log.warning("oldest_unread_not_looked_up", topic=history.topic, partition=partition, cause=str(error))
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
    return not is_well(status.verdict)
