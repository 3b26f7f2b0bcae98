"""The contract brought to a broker that has topics already: what differs is set, what others set stays."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from bus.app import NotConfigured, prepare
from bus.kafka.broker_topic import BrokerTopic, TopicRefused, describe
from bus.kafka.clients import admin
from bus.kafka.topic_admin import alter_topics, apply_topics, topic_differences
from bus.local.stack import Urls
from bus.settings import Settings
from schemas.topics import COMMANDS, HOSTS, LOG, load_contract, physical
from tests.bus_under_test import Bus, bus_on, eventually
from tests.databases import MASTER_KEY

CONTRACT = load_contract()
OTHERWISE = {
    "retention.ms": "1000",
    "max.message.bytes": "2000",
    "compression.type": "zstd",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": "3600000",
}


@pytest.fixture
async def settings(parts: Urls) -> AsyncIterator[Settings]:
    """Give a namespace of the test's own."""
    made = Settings.model_validate({"kafka_bootstrap": parts.kafka_bootstrap, "namespace": f"c{uuid4().hex[:8]}"})
    yield made
    async with admin(made) as client:
        await client.delete_topics([physical(made.namespace, name) for name in CONTRACT.topics])


async def standing(settings: Settings, topic: str) -> BrokerTopic:
    """Read a topic as the broker has it, as soon as it tells of one that was just made."""
    name = physical(settings.namespace, topic)

    async def there() -> BrokerTopic | None:
        return (await describe(client, [name])).get(name)

    async with admin(settings) as client:
        found = await eventually(there, what=name)
    assert found is not None
    return found


async def set_by_hand(settings: Settings, topic: str, configs: dict[str, str]) -> None:
    """Give a topic configs as an operator would, and wait until the broker has them."""
    name = physical(settings.namespace, topic)
    async with admin(settings) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])

    async def there() -> bool:
        return configs.items() <= (await standing(settings, topic)).configs.items()

    await eventually(there, what="the configs set by hand")


async def test_topics_what_differs_is_set_and_said_and_what_others_set_stays(settings: Settings) -> None:
    await apply_topics(settings, CONTRACT, replication=1)
    before = await standing(settings, COMMANDS)
    await set_by_hand(settings, COMMANDS, {**OTHERWISE, "segment.ms": "7777777", "min.insync.replicas": "1"})
    name, wanted = physical(settings.namespace, COMMANDS), before.configs
    assert set(await alter_topics(settings, CONTRACT)) == {
        f"topic {name}: {key} changed from {value} to {wanted[key]}" for key, value in OTHERWISE.items()
    }

    async def as_declared() -> bool:
        return await topic_differences(settings, CONTRACT) == []

    await eventually(as_declared, what="the broker as declared")
    after = await standing(settings, COMMANDS)
    assert after.own == {**before.own, "segment.ms": "7777777", "min.insync.replicas": "1"}
    assert await alter_topics(settings, CONTRACT) == []


async def test_topics_a_longer_retention_stays_for_shortening_it_deletes_records(settings: Settings) -> None:
    await apply_topics(settings, CONTRACT, replication=1)
    longer = str(365 * 86_400_000)
    await set_by_hand(settings, COMMANDS, {**(await standing(settings, COMMANDS)).own, "retention.ms": longer})
    (said,) = await alter_topics(settings, CONTRACT)
    assert f"retention.ms stays {longer}" in said
    assert (await standing(settings, COMMANDS)).configs["retention.ms"] == longer


async def test_topics_a_topic_that_is_compacted_now_is_made_so_unless_somebody_let_it_keep_everything(
    settings: Settings,
) -> None:
    await apply_topics(settings, CONTRACT, replication=1)
    own, name = (await standing(settings, HOSTS)).own, physical(settings.namespace, HOSTS)
    assert own["cleanup.policy"] == "compact"
    await set_by_hand(settings, HOSTS, {**own, "cleanup.policy": "delete", "retention.ms": "-1"})
    (said,) = await alter_topics(settings, CONTRACT)
    assert f"{name}: cleanup.policy stays delete" in said
    await set_by_hand(settings, HOSTS, {**own, "cleanup.policy": "delete", "retention.ms": "604800000"})
    assert set(await alter_topics(settings, CONTRACT)) == {
        f"topic {name}: cleanup.policy changed from delete to compact",
        f"topic {name}: retention.ms changed from 604800000 to -1",
    }

    async def compacted() -> bool:
        return (await standing(settings, HOSTS)).own == own

    await eventually(compacted, what="the topic compacted")


async def test_topic_with_other_partitions_is_refused_before_anything_is_changed(settings: Settings) -> None:
    name = physical(settings.namespace, LOG)
    async with admin(settings) as client:
        await client.create_topics([NewTopic(name, 3, 1)])
    await apply_topics(settings, CONTRACT, replication=1)
    await set_by_hand(settings, COMMANDS, OTHERWISE)
    before = [await standing(settings, topic) for topic in (LOG, COMMANDS)]
    with pytest.raises(TopicRefused, match=f"{name} has 3 partitions, the contract says 6"):
        await alter_topics(settings, CONTRACT)
    assert [await standing(settings, topic) for topic in (LOG, COMMANDS)] == before


async def test_topics_what_the_broker_refuses_is_no_success(settings: Settings) -> None:
    with pytest.raises(TopicRefused, match="InvalidReplicationFactor"):
        await apply_topics(settings, CONTRACT, replication=9)
    await apply_topics(settings, CONTRACT, replication=1)
    await standing(settings, LOG)
    impossible = CONTRACT.topics[LOG].model_copy(update={"retention": timedelta(milliseconds=-5)})
    with pytest.raises(TopicRefused, match="InvalidConfiguration"):
        await alter_topics(settings, replace(CONTRACT, topics={**CONTRACT.topics, LOG: impossible}))


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus; nothing runs."""
    with bus_on(parts, tmp_path) as made:
        yield made


async def test_topics_apply_says_each_change_once_and_both_numbers_of_partitions(bus: Bus) -> None:
    name = physical(bus.settings.namespace, COMMANDS)
    await set_by_hand(bus.settings, COMMANDS, {**(await standing(bus.settings, COMMANDS)).own, "retention.ms": "1000"})
    first, second = [await asyncio.to_thread(bus.run, "topics", "apply") for _ in range(2)]
    assert (first.returncode, first.stdout) == (0, f"topic {name}: retention.ms changed from 1000 to 2592000000\n")
    assert (second.returncode, second.stdout) == (0, "")
    log = physical(bus.settings.namespace, LOG)
    async with admin(bus.settings) as client:  # commands have no order that more partitions could break
        await client.create_partitions({log: NewPartitions(total_count=8), name: NewPartitions(total_count=9)})

    async def grown() -> bool:
        return [(await standing(bus.settings, topic)).partitions for topic in (LOG, COMMANDS)] == [8, 9]

    await eventually(grown, what="8 and 9 partitions")
    refused = await asyncio.to_thread(bus.run, "topics", "apply")
    assert refused.returncode == 1
    assert f"{log} has 8 partitions, the contract says 6" in refused.stderr
    assert name not in refused.stderr
    assert (await standing(bus.settings, LOG)).partitions == 8


async def test_topics_and_all_else_stay_untouched_by_a_token_that_can_be_guessed(settings: Settings) -> None:
    weak = settings.model_copy(
        update={
            "token": SecretStr("letmein"),
            "master_key": SecretStr(MASTER_KEY),
            "database_url": "postgresql://nobody@127.0.0.1:1/x",
        }
    )
    with pytest.raises(NotConfigured, match="TICKETBUS_TOKEN has 7 characters, and needs 43"):
        await prepare(weak)
    await apply_topics(settings, CONTRACT, replication=1)
