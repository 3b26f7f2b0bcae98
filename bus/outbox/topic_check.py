"""Checks that topics exist before a send, which would wait for a missing one."""

from collections.abc import Collection

from bus.domain.errors import KafkaUnavailable, TopicAway
from bus.kafka.clients import HeldProducer

_ASKS = 2  # a metadata answer already under way does not name a topic that was asked for later


async def find_topics(held: HeldProducer, topics: Collection[str], within_s: float) -> None:
    """Check that Kafka has these topics; known ones are not asked for again.

    Raises TopicAway for one that it has not, KafkaUnavailable.
    """
    async with held.sending(within_s) as producer:
        client = producer.client
        for _ in range(_ASKS):
            away = [one for one in topics if client.cluster.partitions_for_topic(one) is None]
            if not away:
                return
            for topic in away:
                client.add_topic(topic)
            if not await client.force_metadata_update():
                raise KafkaUnavailable("Kafka is away: no broker names its topics")
        for topic in away:
            if client.cluster.partitions_for_topic(topic) is None:
                raise TopicAway(topic)
