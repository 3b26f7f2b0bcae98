"""A rig for stages: a database and a topic of the test's own, and a handler whose every effect can be counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bus.alerts.alert import Alert
from bus.alerts.log_sink import log_alert
from bus.domain.errors import KafkaUnavailable, MalformedInput
from bus.kafka.clients import kafka_options
from bus.kafka.range_reader import RangeReader, open_reader
from bus.local.stack import Urls
from bus.postgres.pool import Connection, Pool, connected, open_pool
from bus.settings import Settings
from bus.stage import offsets
from bus.stage.handler import Handler, Stage
from bus.stage.runner import Runner
from bus.stage.worker import StageWorker
from bus.wire.record import Record
from tests.bus_under_test import eventually
from tests.databases import make_database

PARTITIONS = 3
EFFECTS = """
CREATE TABLE effects (
    handler text, partition int, record bigint, value text, PRIMARY KEY (handler, partition, record))"""


@dataclass(slots=True)
class Counting:
    """Writes one row per record; a second effect of one record would break the table's key. Can be poisoned."""

    name: str = "counting"
    poison: bytes = b"poison"
    handled: int = 0

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        for record in records:
            if record.value == self.poison:
                raise MalformedInput("poison", "value", "毒丸", "a poison pill")
        rows = [(self.name, r.partition, r.offset, (r.value or b"").decode()) for r in records]
        async with connection.cursor() as cursor:
            await cursor.executemany("INSERT INTO effects VALUES (%s, %s, %s, %s)", rows)
        self.handled += len(rows)


@dataclass(slots=True, kw_only=True)
class Rig:
    """What a test of stages stands on."""

    settings: Settings
    topic: str
    pool: Pool
    reader: RangeReader
    producer: AIOKafkaProducer
    found: list[Alert] = field(default_factory=list)
    running: list[tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=list)

    @property
    def group(self) -> str:
        """Name the consumer group."""
        return f"{self.topic}.group"

    @property
    def database(self) -> str:
        """Name the database."""
        return urlsplit(self.settings.database_url or "").path.removeprefix("/")

    async def produce(self, partition: int, *values: bytes) -> None:
        """Append records to a partition."""
        sent = [await self.producer.send(self.topic, value, partition=partition) for value in values]
        await asyncio.gather(*sent)

    async def produce_all(self, records: Sequence[Record]) -> None:
        """Append records with their bytes, each to its own partition."""
        sent = [await self.producer.send(self.topic, one.value, partition=one.partition) for one in records]
        await asyncio.gather(*sent)

    async def produce_many(self, each: int, prefix: str = "v") -> None:
        """Append that many records to every partition."""
        for partition in range(PARTITIONS):
            await self.produce(partition, *(f"{prefix}{number}".encode() for number in range(each)))

    def runner(self) -> Runner:
        """Make a runner on the rig's reader, which reports what it finds to the rig."""
        now, report = lambda: datetime.now(UTC), self.found.append
        return Runner(topic=self.topic, pool=self.pool, reader=self.reader, now=now, report=report)

    async def begin(self, *handlers: str) -> None:
        """Let handlers start at 0 on every partition."""
        async with connected(self.pool) as connection:
            await offsets.begin(connection, handlers, self.topic, range(PARTITIONS))

    async def delete_topic(self) -> AIOKafkaAdminClient:
        """Delete the topic with its records; gives what makes another of its name."""
        admin = AIOKafkaAdminClient(**kafka_options(self.settings))
        await admin.start()
        await admin.delete_topics([self.topic])
        return admin

    async def create_topic(self, admin: AIOKafkaAdminClient, *, other_than: UUID | None) -> None:
        """Make a topic of the name of one that was deleted, and close the client."""

        async def another() -> bool:
            await admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])
            with contextlib.suppress(KafkaUnavailable):
                return await self.reader.topic_id(self.topic) not in {None, other_than}
            return False

        await eventually(another, what="the new topic")
        await admin.close()
        await self.producer.stop()
        self.producer = await started_producer(self.settings)

    async def make_topic_anew(self) -> None:
        """Delete the topic with its records, and make another of its name."""
        before = await self.reader.topic_id(self.topic)
        await self.create_topic(await self.delete_topic(), other_than=before)

    async def records(self, partition: int) -> list[Record]:
        """Read all records of a partition."""
        end = (await self.reader.ends(self.topic, [partition]))[partition]
        return [r async for c in self.reader.read(self.topic, partition, 0, end, most=10_000) for r in c.records]

    async def standing(self, handler: str = "counting") -> dict[int, offsets.HandlerPosition]:
        """Tell how far a handler is, by partition."""
        async with connected(self.pool) as connection:
            return {one.partition: one for one in await offsets.positions(connection, [handler])}

    async def effects(self, handler: str = "counting") -> int:
        """Count the records that took effect."""
        return int((await self.ask("SELECT count(*) FROM effects WHERE handler = %s", handler))[0][0])

    async def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        async with connected(self.pool) as connection:
            return await (await connection.execute(query.encode(), parameters)).fetchall()

    def work(self, *handlers: Handler, settings: Settings | None = None) -> Callable[[], Awaitable[None]]:
        """Run a stage worker as a program of its own would; gives what stops it."""
        used, stopping = settings or self.settings, asyncio.Event()
        stage = Stage(name="rig", topic=self.topic, group=self.group, handlers=handlers)

        async def run() -> None:
            async with open_reader(used) as reader:
                runner = Runner(
                    topic=self.topic, pool=self.pool, reader=reader, now=lambda: datetime.now(UTC), report=log_alert
                )
                kafka = kafka_options(used)
                await StageWorker(
                    stage, runner=runner, pool=self.pool, reader=reader, kafka=kafka, report=self.found.append
                ).run(stopping)

        running = (stopping, asyncio.create_task(run()))
        self.running.append(running)

        async def stop() -> None:
            self.running.remove(running)
            await _stop(*running)

        return stop

    async def committed(self) -> dict[int, int | None]:
        """Give what the consumer group has committed, as Kafka's own tools would show it."""
        consumer = AIOKafkaConsumer(**kafka_options(self.settings), group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        try:
            return {p: await consumer.committed(TopicPartition(self.topic, p)) for p in range(PARTITIONS)}
        finally:
            await consumer.stop()


async def _stop(stopping: asyncio.Event, task: asyncio.Task[None]) -> None:
    stopping.set()
    async with asyncio.timeout(60):
        await task


async def started_producer(settings: Settings) -> AIOKafkaProducer:
    """Start a producer; the caller stops it."""
    producer = AIOKafkaProducer(**kafka_options(settings), enable_idempotence=True, linger_ms=5)
    await producer.start()
    return producer


@asynccontextmanager
async def rig_on(parts: Urls) -> AsyncIterator[Rig]:
    """Make a rig on the parts; what it started is stopped afterwards."""
    name = f"rig{uuid4().hex[:10]}"
    url = await asyncio.to_thread(make_database, parts, name)
    settings = Settings.model_validate({"database_url": url, "kafka_bootstrap": parts.kafka_bootstrap})
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    await admin.close()
    producer = await started_producer(settings)
    async with open_reader(settings) as reader, open_pool(url, size=6) as pool:
        async with connected(pool) as connection:
            await connection.execute(EFFECTS.encode())
        rig = Rig(settings=settings, topic=name, pool=pool, reader=reader, producer=producer)
        try:
            yield rig
        finally:
            for running in rig.running:
                await _stop(*running)
            await rig.producer.stop()
