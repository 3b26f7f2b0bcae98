"""Topic administration by the contract: create, alter, compare; deleted is only what is to be made anew."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from bus.domain.errors import KafkaUnavailable
from bus.kafka.broker_topic import BrokerTopic, TopicRefused, check, describe, set_configs
from bus.kafka.clients import RECORD_BYTES_MAX, admin
from bus.settings import Settings
from schemas.topics import Contract, Topic, physical

KNOWN_LOOKS_MAX, KNOWN_EVERY_S = 600, 0.05
MISSING, PARTITIONS = "missing", "partitions"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDifference:
    """In what a broker's topic is not as declared: MISSING, PARTITIONS, or the name of a config."""

    topic: str
    what: str
    actual: str = ""
    declared: str = ""


async def apply_topics(settings: Settings, contract: Contract, *, replication: int) -> list[str]:
    """Create the contract's topics that are missing, and wait until a broker tells of them; idempotent.

    Gives the names made. Raises KafkaUnavailable, TopicRefused.
    """
    async with admin(settings) as client:
        there = set(await client.list_topics())
        wanted = _wanted(settings, contract)
        new = [_new_topic(name, topic, replication) for name, topic in wanted.items() if name not in there]
        if not new:
            return []
        answers = (await client.create_topics(new)).topic_errors
        made = [one for one in answers if for_code(one[1]) is not TopicAlreadyExistsError]  # else another applied it
        for name, code, *rest in made:
            check(name, code, *rest)
        await _until_known(client, {one.name for one in new})
        return [name for name, *_ in made]


async def delete_topics(settings: Settings, names: Collection[str]) -> None:
    """Delete topics with all that they hold, and wait until no broker tells of them; idempotent.

    Raises KafkaUnavailable, TopicRefused.
    """
    async with admin(settings) as client:
        if there := sorted(set(names) & set(await client.list_topics())):
            for name, code, *rest in (await client.delete_topics(there)).topic_error_codes:
                check(name, code, *rest)
            await _until_known(client, there, gone=True)


async def _until_known(client: AIOKafkaAdminClient, names: Collection[str], *, gone: bool = False) -> None:
    """Wait until a broker tells of topics that were just made, or no more of those that were deleted."""
    for _ in range(KNOWN_LOOKS_MAX):
        there = set(await client.list_topics())
        if not (set(names) & there if gone else set(names) - there):
            return
        await asyncio.sleep(KNOWN_EVERY_S)
    raise KafkaUnavailable(f"topics were {'deleted' if gone else 'made'}, and the brokers do not tell so")


async def alter_topics(settings: Settings, contract: Contract) -> list[str]:
    """Set the configs in which standing topics differ from the contract; idempotent. Each difference is one sentence.

    What the contract does not name stays as it is, and so does what keeps more: nothing is deleted. To compact what a
    retention deletes keeps more: the last of each key. Kafka's request replaces all that is set for a topic: what
    somebody else sets at the same moment may be lost.
    Raises KafkaUnavailable; TopicRefused, before any change, when a topic of events has another number of partitions.
    """
    wanted = _wanted(settings, contract)
    async with admin(settings) as client:
        there = await describe(client, wanted)
        ordered = {name: one for name, one in there.items() if wanted[name].events}
        if wrong := _partition_differences(ordered, wanted):
            both = "; ".join(
                f"{one.topic} has {one.actual} partitions, the contract says {one.declared}" for one in wrong
            )
            raise TopicRefused(f"{both}. It is never changed: the order per ticket depends on it")
        differences = list(_config_differences(there, wanted))
        staying = {(name, key) for name, key, _, value in differences if _deletes(there[name].configs, key, value)}
        changed = sorted({name for name, key, *_ in differences if (name, key) not in staying})
        configs = {name: {**there[name].own, **_configs(wanted[name])} for name in changed}
        for name, key, actual, _ in differences:
            if name in configs and actual is not None and (name, key) in staying:
                configs[name][key] = actual
        if configs:
            await set_configs(client, configs)
    return [
        f"topic {name}: {key} changed from {actual} to {value}"
        if (name, key) not in staying
        else f"topic {name}: {key} stays {actual}: {value}, as the contract says, deletes records; set it by hand"
        for name, key, actual, value in differences
    ]


async def topic_differences(settings: Settings, contract: Contract) -> list[TopicDifference]:
    """Hold the broker's topics against the contract.

    Raises KafkaUnavailable, TopicRefused.
    """
    wanted = _wanted(settings, contract)
    async with admin(settings) as client:
        there = await describe(client, wanted)
    return [
        *(TopicDifference(topic=name, what=MISSING) for name in sorted(wanted.keys() - there.keys())),
        *_partition_differences(there, wanted),
        *(
            TopicDifference(topic=name, what=key, actual=str(actual), declared=value)
            for name, key, actual, value in _config_differences(there, wanted)
        ),
    ]


def _wanted(settings: Settings, contract: Contract) -> dict[str, Topic]:
    return {physical(settings.namespace, name): topic for name, topic in contract.topics.items()}


def _partition_differences(there: Mapping[str, BrokerTopic], wanted: Mapping[str, Topic]) -> list[TopicDifference]:
    return [
        TopicDifference(topic=name, what=PARTITIONS, actual=str(one.partitions), declared=str(wanted[name].partitions))
        for name, one in sorted(there.items())
        if one.partitions != wanted[name].partitions
    ]


def _config_differences(
    there: Mapping[str, BrokerTopic], wanted: Mapping[str, Topic]
) -> Iterator[tuple[str, str, str | None, str]]:
    """Give topic, config, what it is and what it should be, of each that differs."""
    for name, one in sorted(there.items()):
        for key, value in _configs(wanted[name]).items():
            if one.configs.get(key) != value:
                yield name, key, one.configs.get(key), value


def _deletes(configs: Mapping[str, str], key: str, value: str) -> bool:
    """Tell whether a change of these configs lets the broker delete what it would have kept; -1 keeps for ever."""
    actual = configs.get(key) or ""
    if key == "cleanup.policy" and value == "compact":
        return actual == "delete" and configs.get("retention.ms") == "-1"
    if key == "cleanup.policy":
        return "delete" not in actual
    return key == "retention.ms" and int(value) >= 0 and (actual == "-1" or int(value) < int(actual or 0))


def _new_topic(name: str, topic: Topic, replication: int) -> NewTopic:
    configs = {**_configs(topic), "min.insync.replicas": str(max(1, replication - 1))}
    return NewTopic(name, topic.partitions, replication, topic_configs=configs)


def _configs(topic: Topic) -> dict[str, str]:
    retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": str(retention),
        "max.message.bytes": str(RECORD_BYTES_MAX),
        "compression.type": "gzip",  # whatever its producer took: every client library reads it, kafkajs nothing else
        # A record has the time of its event; one from a wrong clock is published all the same.
        "message.timestamp.after.max.ms": str(2**63 - 1),
        # What others write is timed by the broker: their clocks may say anything.
        "message.timestamp.type": "LogAppendTime" if topic.records == "commands" else "CreateTime",
    }
