"""Reading a topic of the tests' own namespace from its beginning to its end."""

from typing import Any

from aiokafka import TopicPartition

from bus.kafka.clients import make_consumer
from bus.settings import Settings
from schemas.topics import LOG, load_contract, physical


async def records(settings: Settings, topic: str = LOG) -> list[Any]:
    """List what stands in a topic now, partition by partition, in order. Blocks for a second or so."""
    name, count = physical(settings.namespace, topic), load_contract().topics[topic].partitions
    partitions = [TopicPartition(name, number) for number in range(count)]
    found: dict[TopicPartition, list[Any]] = {partition: [] for partition in partitions}
    consumer = make_consumer(settings)
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, batch in (await consumer.getmany(timeout_ms=1_000)).items():
                found[partition] += batch
    finally:
        await consumer.stop()
    return [record for partition in partitions for record in found[partition]]
