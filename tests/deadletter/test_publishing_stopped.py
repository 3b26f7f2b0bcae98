"""Letters that Kafka does not take: they wait, and hold up neither ticket events nor what goes back to its door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic

from bus.alerts.rule_names import RuleName
from bus.intake.dispatch import Dispatcher
from bus.kafka.clients import RECORD_BYTES_MAX, admin
from bus.kafka.topic_admin import apply_topics
from bus.outbox import record as outbox
from bus.outbox import stopped_shards
from bus.outbox.record import OutboxRecord, shard_of
from bus.postgres.pool import connected, in_transaction
from bus.postgres.store import PostgresStore
from bus.settings import Settings
from deadletter import store as letters
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import COMMANDS, DEADLETTER, LOG, Contract, load_contract, physical
from tests.bus_under_test import eventually
from tests.databases import KEYS
from tests.deadletter.letters import DECISION, DIED, LetterStore, dead, relaying
from tests.deadletter.test_publishing import about, until_waiting
from tests.domain.people import RULES, START
from tests.schemas.codecs import CODEC
from tests.store.contract_suite import fresh, opening
from tests.store.kafka_log import records

CONTRACT = load_contract()


@asynccontextmanager
async def without(settings: Settings, topic: str) -> AsyncIterator[tuple[Settings, Contract]]:
    """Make topics in a namespace of their own, all but one; gives the contract of that one too."""
    own = settings.model_copy(update={"namespace": f"w{uuid4().hex[:8]}"})
    here = {name: one for name, one in CONTRACT.topics.items() if name != topic}
    made = await apply_topics(own, replace(CONTRACT, topics=here), replication=1)
    yield own, replace(CONTRACT, topics={topic: CONTRACT.topics[topic]})
    async with admin(own) as client:
        await client.delete_topics([*made, physical(own.namespace, topic)])


async def make_small(settings: Settings, topic: str, partitions: int) -> None:
    """Make a topic that takes records up to 100,000 bytes; a config changed later is in force some time later."""
    small = NewTopic(physical(settings.namespace, topic), partitions, 1, topic_configs={"max.message.bytes": "100000"})
    async with admin(settings) as client:
        await client.create_topics([small])


async def open_tickets(letter_store: LetterStore, count: int) -> None:
    """Let tickets be opened, all over the partitions."""
    store = PostgresStore(letter_store.pool, CODEC, CONTRACT, KEYS)
    await Dispatcher(store=store, rules=RULES, now=lambda: START).dispatch([fresh(opening()) for _ in range(count)])


async def test_publishing_stopped_a_topic_that_is_not_there_holds_up_its_letters_alone_and_they_are_told_once_it_is(
    letter_store: LetterStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopped_shards, "RETRY_S", 0.2)
    (number,) = await letter_store.put(dead())
    await in_transaction(letter_store.pool, letters.retry, [number], DECISION, CODEC.encode_record, KEYS)
    async with without(settings, DEADLETTER) as (own, missing), relaying(letter_store, own) as relay:
        running = asyncio.create_task(relay.run())
        await open_tickets(letter_store, 30)
        await until_waiting(letter_store, {shard_of(DEADLETTER): 2})
        monkeypatch.setattr(stopped_shards, "TOPIC_AWAY_S_MAX", 0.0)  # the other topics are known by now
        await until_found(letter_store)
        await open_tickets(letter_store, 1)
        await until_waiting(letter_store, {shard_of(DEADLETTER): 2})
        assert [(one.rule, DEADLETTER in one.en) for one in letter_store.found] == [(RuleName.SHARD_STOPPED, True)], (
            "told once"
        )
        assert (len(await records(own, LOG)), len(await records(own, COMMANDS))) == (31, 1)
        await apply_topics(own, missing, replication=1)
        await until_waiting(letter_store, {})
        assert [type(one) for _, one in await about(own, number)] == [LetterPosted, LetterDecided]
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("size", [RECORD_BYTES_MAX + 1, 200_000], ids=["too large", "more than its topic takes"])
async def test_publishing_stopped_a_record_that_kafka_never_takes_stops_the_records_of_its_topic_and_no_event(
    letter_store: LetterStore, settings: Settings, size: int
) -> None:
    async with without(settings, DEADLETTER) as (own, missing), relaying(letter_store, own) as relay:
        if size <= RECORD_BYTES_MAX:
            await make_small(own, DEADLETTER, missing.topics[DEADLETTER].partitions)
        await apply_topics(own, missing, replication=1)
        async with connected(letter_store.pool) as connection:
            noise = b"".join(uuid4().bytes for _ in range(size // 16 + 1))  # what gzip makes no smaller
            poison = OutboxRecord(topic=DEADLETTER, key="k", value=noise, timestamp=DIED)
            await outbox.queue(connection, [poison, replace(poison, value=b"behind it")])
        (number,) = await letter_store.put(dead())
        await in_transaction(letter_store.pool, letters.retry, [number], DECISION, CODEC.encode_record, KEYS)
        running = asyncio.create_task(relay.run())
        await open_tickets(letter_store, 30)
        await until_waiting(letter_store, {shard_of(DEADLETTER): 4})
        await until_found(letter_store)
        running.cancel()
        await asyncio.wait([running])
        assert [one.facts["shard"] for one in letter_store.found] == [shard_of(DEADLETTER)]
        assert {one.key for one in await records(own, COMMANDS)} == {b"commands"}


async def until_found(letter_store: LetterStore) -> None:
    """Wait until something was reported."""

    async def found() -> bool:
        return bool(letter_store.found)

    await eventually(found, within_s=60, what="a finding")
