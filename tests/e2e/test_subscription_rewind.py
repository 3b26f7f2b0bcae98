"""`subscription rewind` on a real Kafka: an empty group goes back to a time, and never past what is not read."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from bus.app import Core
from bus.consistency.shown_names import shown
from bus.consistency.subscriber import read_subscriber
from bus.consistency.subscription_store import add_subscription, list_subscriptions
from bus.consistency.subscriptions import Subscription, groups_of
from bus.domain.errors import Conflict
from bus.kafka.clients import admin, make_consumer, start_producer
from bus.kafka.group_offsets import committed_offsets, set_offsets
from bus.postgres.pool import connected
from bus.programs.subscription_rewind import plan_rewind
from schemas.topics import physical
from tests.bus_under_test import Bus

NOW = datetime.now(UTC).replace(microsecond=0)
HOURS_AGO = (3, 2, 1)  # a record each, in the partitions 0 and 1


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


async def refused(core: Core, to: datetime, group: str | None = None) -> str:
    with pytest.raises(Conflict) as conflict:
        await plan_rewind(core, "bi", to, group, datetime.now(UTC))
    return conflict.value.text.en


@pytest.fixture
async def topic(bus: Bus) -> str:
    """Write records at known times, and let the group `bi` have read all of partition 0 and one of partition 1."""
    name = physical(bus.settings.namespace, "ticket.assign")
    producer = await start_producer(bus.settings)
    try:
        for partition in (0, 1):
            for hours in HOURS_AGO:
                at_ms = int(ago(hours).timestamp() * 1000)
                await producer.send_and_wait(name, b"x", partition=partition, timestamp_ms=at_ms)
    finally:
        await producer.stop()
    offsets = {TopicPartition(name, 0): 3, TopicPartition(name, 1): 1, TopicPartition(name, 2): 0}
    consumer = make_consumer(bus.settings, group_id=f"{bus.settings.namespace}.bi")
    await consumer.start()
    consumer.assign([*offsets])
    await consumer.commit(offsets)
    await consumer.stop()
    one = Subscription(
        client="bi", owner="数据组", contact="bi@corp", topics=("ticket.assign",), regions=("上海",),
        groups=groups_of("bi", bus.settings.namespace),
    )  # fmt: skip
    async with bus.core() as core, connected(core.pool) as connection:
        await add_subscription(connection, one, by="wang", why="reports")
    return name


async def test_subscription_rewind_sets_an_empty_group_back_and_refuses_what_cannot_be(bus: Bus, topic: str) -> None:
    group = f"{bus.settings.namespace}.bi"

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(bus.run, "subscription", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def committed() -> Mapping[int, int]:
        return await committed_offsets(bus.settings, group, topic)

    async with bus.core() as core:
        plan = await plan_rewind(core, "bi", ago(2.5), None, datetime.now(UTC))
        assert [(one.before, one.after, one.again) for one in plan.partitions][:3] == [(3, 1, 2), (1, 1, 0), (0, 0, 0)]
        assert await committed() == {0: 3, 1: 1, 2: 0}
        member = make_consumer(bus.settings, topic, group_id=group, client_id="bi-7")
        await member.start()
        assert "has members, stop them first: bi-7 @ 127.0.0.1" in await refused(core, ago(2.5))
        with pytest.raises(Conflict, match="has members again"):
            await set_offsets(bus.settings, group, {(topic, 0): 0})
        await member.stop()

        said = await run("rewind", "bi", "--to", ago(2.5).isoformat(), "--why", "lost a disk")
        assert "分区 partition   0  位移 offset         3 →         1\n" in said
        assert "分区 partition   1  位移 offset         1 →         1  不变 stays\n" in said
        assert "2 条重读 read again,已设置 / set" in said
        assert {one: at for one, at in (await committed()).items() if one < 2} == {0: 1, 1: 1}
        again = make_consumer(bus.settings, topic, group_id=group)
        await again.start()
        read = list[tuple[int, int]]()
        async with asyncio.timeout(60):
            while len(read) < 4:
                found = await again.getmany(timeout_ms=200)
                read += [(where.partition, one.offset) for where, records in found.items() for one in records]
        await again.stop()
        assert sorted(read) == [(0, 1), (0, 2), (1, 1), (1, 2)]
        async with connected(core.pool) as connection:
            [listed] = await list_subscriptions(connection, "bi")
            told = [*(await read_subscriber(connection, "bi")).lines(listed, datetime.now(UTC))]
        assert told[-1].endswith(f"{shown(group)} → {ago(2.5):%Y-%m-%d %H:%M:%S}Z lost a disk")

        assert "still to come" in await refused(core, datetime.now(UTC) + timedelta(hours=1))
        async with admin(bus.settings) as client:
            await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=2)})
        assert f"the oldest time that is there whole is {ago(1):%Y-%m-%dT%H:%M:%SZ}" in await refused(
            core, NOW - timedelta(days=40)
        )
        other = f"{bus.settings.namespace}.subscriber.bi/reports"
        await set_offsets(bus.settings, other, {(topic, 0): 3})
        assert f"name one by --group: {group}, {other}" in await refused(core, ago(0.5))
        assert (await plan_rewind(core, "bi", ago(0.5), other, datetime.now(UTC))).group == other
        assert "has no consumer group mes" in await refused(core, ago(0.5), "mes")
