"""Verdicts on real consumers of real Kafka, round by round; what was read before is moved back to let time pass."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from kafka.admin import KafkaAdminClient

from bus.alerts.rules.consumers import CONSUMER_RULES
from bus.consistency.consumer_store import all_consumers, remove_consumer
from bus.consistency.consumer_verdict import ConsumerStatus
from bus.domain.errors import Conflict
from bus.kafka.clients import admin, kafka_options, make_consumer, make_producer
from bus.kafka.group_offsets import committed_offsets, delete_offsets
from bus.kafka.range_reader import RangeReader, open_reader
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.postgres.pool import Pool, connected
from bus.programs.topic_watch import TopicWatch
from bus.settings import Settings
from bus.stage import offsets
from bus.stage.handler import Stage, stage_of
from schemas.topics import load_contract, physical
from tests.stage.rig import Counting
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
CONTRACT = load_contract()
ASSIGN, STATUS, LOG = "ticket.assign", "ticket.status", "ticket.events"
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


def own(watched: Watched, *names: str) -> tuple[Stage, ...]:
    """Make stages of the log that this bus declares, each with one handler."""
    namespace = watched.watch.settings.namespace
    return tuple(stage_of(name, LOG, Counting(name=name), namespace=namespace) for name in names)


async def test_consumers_each_verdict_on_real_consumers(watched: Watched) -> None:
    groups = {name: f"{watched.watch.settings.namespace}-{name}" for name in ("keeps", "polls", "left", "gone", "late")}
    watched.watch = replace(watched.watch, stages=own(watched, "absent", "begun"))
    absent, begun = (one.group for one in watched.watch.stages)
    await watched.write(LOG, 3)
    await watched.write(ASSIGN, 3)
    for name in ("left", "gone", "late"):
        await watched.read_all(groups[name], ASSIGN, 3)
    async with connected(watched.watch.pool) as connection:
        await offsets.begin(connection, ["begun"], watched.topic(LOG), [0])
    async with watched.joined(groups["keeps"], ASSIGN) as keeps, watched.joined(groups["polls"], ASSIGN) as polls:
        await watched.rounds(1)
        assert await watched.about() == set()
        await watched.write(ASSIGN, 6)
        seen = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(9) for consumer in (keeps, polls)]
        assert len(seen) == 18
        await keeps.commit()
        _delete_group(watched.watch.settings, groups["gone"])
        found = await watched.rounds(7)
        verdicts = {name: found[group].verdict.value for name, group in groups.items()}
        assert verdicts == {"keeps": "ok", "polls": "stalled", "left": "stopped", "gone": "vanished", "late": "stopped"}
        assert (found[groups["polls"]].members, found[groups["left"]].members) == (1, 0)
        assert (found[groups["left"]].lag, found[groups["left"]].committed) == (6, 3)
        assert {found[absent].verdict.value, found[begun].verdict.value} == {"never_started", "stopped"}
    async with admin(watched.watch.settings) as client:
        where = TopicPartition(watched.topic(ASSIGN), 0)
        await client.delete_records({where: RecordsToDelete(before_offset=5)})
    found = await watched.rounds(1)
    assert [one.value for one in found[groups["late"]].verdicts] == ["has_lost", "stopped"]
    assert found[groups["late"]].low == 5
    assert groups["polls"] not in found, "it left, and has no offsets"
    fired = {"has_lost", "stopped", "vanished", "never_started"}
    assert await watched.about() == {f"consumer_{one}" for one in fired}
    async with connected(watched.watch.pool) as connection:
        assert await remove_consumer(connection, groups["gone"]) == 1
    assert groups["gone"] not in await watched.rounds(1)


def _delete_group(settings: Settings, group: str) -> None:
    client = KafkaAdminClient(**kafka_options(settings))
    try:
        client.delete_groups([group])
    finally:
        client.close()


async def test_consumers_a_restart_and_the_markers_of_a_transaction_raise_nothing(watched: Watched) -> None:
    settings = watched.watch.settings
    group, reader = f"{settings.namespace}-restarts", f"{settings.namespace}-reads"
    writes = make_producer(settings, transactional_id=f"{settings.namespace}-tx")
    await writes.start()
    async with writes.transaction():
        await writes.send_and_wait(watched.topic(STATUS), b"x", partition=0)
    await writes.stop()
    await watched.read_all(reader, STATUS, 1)
    await watched.write(ASSIGN, 2)
    await watched.read_all(group, ASSIGN, 2)
    fired = set[str]()
    await watched.write(ASSIGN, 2)
    for _ in range(5):
        await watched.rounds(1)
        fired |= await watched.about()
    await watched.read_all(group, ASSIGN, 2)
    for _ in range(5):
        found = await watched.rounds(1)
        fired |= await watched.about()
    assert fired == set()
    assert found[group].verdict.value in ("ok", "idle")
    assert (found[reader].verdict.value, found[reader].lag, found[reader].members) == ("idle", 0, 0)
    assert found[reader].ends - (found[reader].committed or 0) == 1, "the marker is there, and no record"


async def test_consumers_a_group_that_reads_another_topic_now_is_not_subscribed_any_more(watched: Watched) -> None:
    settings = watched.watch.settings
    group, assign = f"{settings.namespace}-moved", watched.topic(ASSIGN)
    await watched.write(ASSIGN, 2)
    await watched.read_all(group, ASSIGN, 2)
    await watched.write(ASSIGN, 3)
    async with watched.joined(group, ASSIGN):
        with pytest.raises(Conflict, match=f"members of the group {group} subscribe to {assign}"):
            await delete_offsets(settings, group, assign)
    async with watched.joined(group, STATUS):
        await watched.rounds(7)
        assert await watched.about() == {"consumer_unsubscribed"}
        assert len(await committed_offsets(settings, group, assign)) == 6, "what a person is shown first"
        assert await delete_offsets(settings, group, assign) == 6, "of each partition"
        async with connected(watched.watch.pool) as connection:
            assert await remove_consumer(connection, group, assign) == 1
        await watched.rounds(2)
        assert await watched.about() == set()
        async with connected(watched.watch.pool) as connection:
            found = [one.topic for one in await all_consumers(connection) if one.consumer == group]
        assert found == [watched.topic(STATUS)], "what was removed does not come back"
    assert await delete_offsets(settings, "nobody-has-this-group", assign) == 0


async def test_consumers_a_round_notes_in_which_minute_a_topic_was_written_whoever_wrote_it(watched: Watched) -> None:
    async with connected(watched.watch.pool) as connection:
        await connection.execute("TRUNCATE topic_minutes, topic_ends")
    await watched.rounds(1)
    await watched.write(ASSIGN, 1)
    await watched.rounds(1)
    async with connected(watched.watch.pool) as connection:
        rows = await (await connection.execute("SELECT topic, now() - minute FROM topic_minutes")).fetchall()
    [(topic, ago)] = rows
    assert topic == ASSIGN
    assert ago < timedelta(minutes=2)
