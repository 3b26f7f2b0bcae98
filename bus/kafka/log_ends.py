"""How many records each topic has had, by the offsets at which its partitions end."""

from collections.abc import Collection
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import make_consumer
from bus.settings import Settings

_NO_ERROR: Final = 0


async def records_written(settings: Settings, client: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, int]:
    """Give how many records each topic has had; who may not ask, or a topic that is gone, is left out.

    Offsets count: deleted records and the marks of transactions too. Raises KafkaUnavailable.
    """
    if not topics:
        return {}
    described = [one for one in await client.describe_topics(sorted(topics)) if one["error_code"] == _NO_ERROR]
    partitions = [TopicPartition(one["topic"], each["partition"]) for one in described for each in one["partitions"]]
    if not partitions:
        return {}
    consumer = make_consumer(settings)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(partitions)
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
    finally:
        await consumer.stop()
    written = dict.fromkeys((one["topic"] for one in described), 0)
    for where, end in ends.items():
        written[where.topic] += end
    return written
