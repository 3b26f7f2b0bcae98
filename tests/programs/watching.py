"""The watch over who reads, on real Kafka; time passes by moving back what was read before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bus.alerts.rules.consumers import CONSUMER_RULES
from bus.consistency.consumer_store import all_consumers
from bus.consistency.consumer_verdict import ConsumerStatus
from bus.kafka.clients import make_consumer, make_producer
from bus.kafka.range_reader import RangeReader, open_reader
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.postgres.pool import Pool, connected
from bus.programs.topic_watch import TopicWatch
from bus.settings import Settings
from schemas.topics import load_contract, physical

CONTRACT = load_contract()
EVERY = timedelta(seconds=10)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A namespace of the test's own, its producer, and the watch over it."""

    watch: TopicWatch
    reader: RangeReader
    producer: AIOKafkaProducer

    def topic(self, name: str) -> str:
        return physical(self.watch.settings.namespace, name)

    async def write(self, name: str, count: int) -> None:
        for _ in range(count):
            await self.producer.send_and_wait(self.topic(name), b"x", partition=0)

    async def rounds(self, count: int) -> dict[str, ConsumerStatus]:
        """Hold rounds that lie ten seconds apart, and give each consumer as the last one judged it."""
        for _ in range(count):
            async with connected(self.watch.pool) as connection:
                await connection.execute("UPDATE consumer_readings SET read_at = read_at - %s", (EVERY,))
                await connection.execute(
                    "UPDATE consumers SET since = since - %s, read_at = read_at - %s", (EVERY, EVERY)
                )
            await self.watch.hold(self.reader)
        async with connected(self.watch.pool) as connection:
            found = await all_consumers(connection)
        return {one.consumer: one for one in found if one.topic.startswith(self.watch.settings.namespace)}

    async def about(self) -> set[str]:
        """Name the rules that fire now."""
        async with connected(self.watch.pool) as connection:
            found = await all_consumers(connection)
        ours = [one for one in found if one.topic.startswith(self.watch.settings.namespace)]
        return {
            rule.name.value
            for rule in CONSUMER_RULES
            for _ in rule.evaluate([(one, None) for one in ours], max(one.read_at for one in ours))
        }

    @asynccontextmanager
    async def joined(self, group: str, name: str) -> AsyncIterator[AIOKafkaConsumer]:
        """Let a consumer join, and wait until it has its partitions."""
        consumer = make_consumer(self.watch.settings, self.topic(name), group_id=group)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def read_all(self, group: str, name: str, count: int) -> None:
        """Let a consumer read so many records, commit and leave."""
        async with self.joined(group, name) as consumer:
            for _ in range(count):
                await asyncio.wait_for(consumer.getone(), 20)
            await consumer.commit()


@pytest.fixture
async def watched(parts: Urls, pool: Pool) -> AsyncIterator[Watched]:
    """Make topics of a namespace of the test's own, without readers of ours."""
    settings = Settings(kafka_bootstrap=parts.kafka_bootstrap, namespace=f"c{uuid4().hex[:8]}")
    await apply_topics(settings, CONTRACT, replication=1)
    producer = make_producer(settings)
    await producer.start()
    try:
        async with open_reader(settings) as reader:
            watch = TopicWatch(settings=settings, contract=CONTRACT, pool=pool, stages=())
            yield Watched(watch=watch, reader=reader, producer=producer)
    finally:
        await producer.stop()
