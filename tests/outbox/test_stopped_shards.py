"""Shards that stand still before what Kafka does not take: loudly, and no other."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bus.alerts.alert import Alert
from bus.domain.errors import InvariantBroken, TopicAway
from bus.intake.dispatch import Dispatcher
from bus.kafka.clients import RECORD_BYTES_MAX, admin
from bus.kafka.topic_admin import apply_topics
from bus.outbox import stopped_shards
from bus.outbox.relay import Relay
from bus.outbox.topic_check import find_topics
from bus.postgres.pool import Pool
from bus.settings import Settings
from bus.wire.partitioner import partition_of
from schemas.topics import load_contract, physical
from tests.store.kafka_log import records
from tests.store.relay_watch import PATIENCE_S, of_tickets, read, until, versions, waiting
from tests.store.test_relay import drained, worked_on

CONTRACT = load_contract()


async def test_stopped_shards_events_whose_topic_is_not_there_wait_with_their_shards_and_go_out_once_it_is(
    relay: Relay, dispatcher: Dispatcher, pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopped_shards, "RETRY_S", 0.2)
    monkeypatch.setattr(stopped_shards, "TOPIC_AWAY_S_MAX", 0.5)
    del relay  # it has published what other tests left
    own = settings.model_copy(update={"namespace": f"a{uuid4().hex[:8]}"})
    here = {name: topic for name, topic in CONTRACT.topics.items() if name != "ticket.assign"}
    made = await apply_topics(own, replace(CONTRACT, topics=here), replication=1)
    found = list[Alert]()
    other = Relay(pool=pool, settings=own, contract=CONTRACT, report=found.append)

    async def known() -> bool:
        try:
            await find_topics(other._held, [physical(own.namespace, name) for name in here], PATIENCE_S)
        except TopicAway:
            return False
        return True

    await until(known)
    ids = await worked_on(dispatcher, tickets=2, notes=0)
    running = asyncio.create_task(other.run())
    shards = {partition_of(one, 6) for one in ids}
    await until(lambda: len(found) == len(shards))
    assert {one.facts["shard"] for one in found} == shards
    assert REGISTRY.get_sample_value("ticketbus_relay_shards_stopped") == len(shards)
    assert "ticket.assign" in (other.trouble() or ""), "the heartbeat says before what they stand still"
    made += await apply_topics(own, CONTRACT, replication=1)

    async def all_out() -> bool:
        return await waiting(pool) == 0

    await until(all_out)
    assert REGISTRY.get_sample_value("ticketbus_relay_shards_stopped") == 0
    assert other.trouble() is None
    running.cancel()
    await asyncio.wait([running])
    out = of_tickets(await records(own), ids)
    assert {one: versions(out[one]) for one in ids} == {one: [1, 2] for one in ids}
    async with admin(own) as client:
        await client.delete_topics(made)


async def test_stopped_shards_a_record_that_kafka_never_takes_stops_its_shard_loudly_and_no_other(
    relay: Relay, dispatcher: Dispatcher, pool: Pool
) -> None:
    ids = await worked_on(dispatcher, tickets=30, notes=0)
    poisoned = ids[0]
    huge = "UPDATE events SET value = decode(repeat('00', %s), 'hex') WHERE ticket_id = %s AND version = 2 RETURNING 1"
    await read(pool, huge, RECORD_BYTES_MAX + 1, poisoned)
    with pytest.raises(InvariantBroken, match=f"{poisoned} version 2"):
        await drained(relay)
    with capture_logs() as logs:
        running = asyncio.create_task(relay.run())

        async def others_are_out() -> bool:
            shards = await read(pool, "SELECT DISTINCT shard FROM outbox WHERE published_at IS NULL")
            return shards == [(partition_of(poisoned, 6),)]

        await until(others_are_out)
        await until(lambda: [one for one in logs if one.get("rule") == "shard_stopped"])
        assert REGISTRY.get_sample_value("ticketbus_relay_shards_stopped") == 1
        assert relay.trouble() is not None
        await read(pool, "UPDATE events SET value = 'x' WHERE ticket_id = %s AND version = 2 RETURNING 1", poisoned)

        async def all_out() -> bool:
            return await waiting(pool) == 0

        await until(all_out)
        running.cancel()
        await asyncio.wait([running])
    assert [one["shard"] for one in logs if one.get("rule") == "shard_stopped"] == [partition_of(poisoned, 6)]
    assert REGISTRY.get_sample_value("ticketbus_relay_shards_stopped") == 0
    assert relay.trouble() is None, "mended, it goes on without a restart, and its alert closes"
