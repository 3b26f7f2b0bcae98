"""How many records each topic has had, by the offsets at which its partitions end."""

from collections.abc import Collection
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from bus.kafka.range_reader import RangeReader

_NO_ERROR: Final = 0


async def records_written(reader: RangeReader, client: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, int]:
    """Give how many records each topic has had; who may not ask, or a topic that is gone, is left out.

    Offsets count: deleted records and the marks of transactions too. Raises KafkaError, KafkaUnavailable.
    """
    if not topics:
        return {}
    described = [one for one in await client.describe_topics(sorted(topics)) if one["error_code"] == _NO_ERROR]
    written = {}
    for one in described:
        ends = await reader.ends(one["topic"], [each["partition"] for each in one["partitions"]])
        written[one["topic"]] = sum(ends.values())
    return written
