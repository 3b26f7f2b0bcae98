"""Kafka clients made one way: safe defaults, security from the settings, topics provisioned from the contract."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ssl import create_default_context
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from bus.errors import KafkaUnavailable
from bus.settings import Settings
from bus.topics import Contract, Topic, physical

REQUEST_TIMEOUT_MS = 10_000


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Give the connection arguments that every aiokafka client takes."""
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap, "security_protocol": protocol}
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        secret = settings.kafka_password
        options["sasl_plain_password"] = secret.get_secret_value() if secret else None
    if protocol.endswith("SSL"):
        options["ssl_context"] = create_default_context(cafile=settings.kafka_ca_file)
    return options


def make_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Make an idempotent producer that waits for all in-sync replicas; start and stop it yourself."""
    return AIOKafkaProducer(
        **kafka_options(settings),
        **{
            "enable_idempotence": True,
            "acks": "all",
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "max_request_size": 1024 * 1024,
            "compression_type": "gzip",
            **options,
        },
    )


async def start_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Make and connect a producer; stop it yourself. Raises KafkaUnavailable, with nothing left open."""
    producer = make_producer(settings, **options)
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
    return producer


def make_consumer(settings: Settings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """Make a consumer of raw bytes from the beginning that commits nothing by itself; start and stop it yourself."""
    return AIOKafkaConsumer(
        *topics,
        **kafka_options(settings),
        **{
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            **options,
        },
    )


async def touch(settings: Settings) -> None:
    """Ask any broker for the cluster's metadata. Raises KafkaUnavailable."""
    client = AIOKafkaClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
    finally:
        await client.close()


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect an admin client. Raises KafkaUnavailable."""
    client = AIOKafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
    finally:
        await client.close()


async def apply_topics(settings: Settings, contract: Contract, *, replication: int) -> list[str]:
    """Create the contract's topics that are missing; idempotent. Gives the names made. Raises KafkaUnavailable."""
    async with admin(settings) as client:
        there = set(await client.list_topics())
        wanted = {physical(settings.namespace, name): topic for name, topic in contract.topics.items()}
        new = [_new_topic(name, topic, replication) for name, topic in wanted.items() if name not in there]
        if new:
            try:
                await client.create_topics(new)
            except TopicAlreadyExistsError:  # somebody else applies the same contract
                return []
        return [topic.name for topic in new]


async def topic_differences(settings: Settings, contract: Contract) -> list[str]:
    """Hold the broker's topics against the contract; each difference is one sentence. Raises KafkaUnavailable."""
    found: list[str] = []
    async with admin(settings) as client:
        wanted = {physical(settings.namespace, name): topic for name, topic in contract.topics.items()}
        there = set(await client.list_topics())
        for one in await client.describe_topics(sorted(there & wanted.keys())):
            partitions = len(one["partitions"])
            if partitions != wanted[one["topic"]].partitions:
                expected = wanted[one["topic"]].partitions
                found.append(f"{one['topic']} has {partitions} partitions, the contract says {expected}")
        for name in sorted(there & wanted.keys()):
            found.extend(await _config_differences(client, name, _configs(wanted[name])))
    return [*(f"{name} is missing" for name in sorted(wanted.keys() - there)), *found]


async def _config_differences(client: AIOKafkaAdminClient, name: str, wanted: Mapping[str, str]) -> list[str]:
    answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    actual = {entry[0]: entry[1] for answer in answers for entry in answer.resources[0][4]}
    return [
        f"{name}: {key} is {actual.get(key)}, the contract says {value}"
        for key, value in wanted.items()
        if actual.get(key) != value
    ]


def _new_topic(name: str, topic: Topic, replication: int) -> NewTopic:
    configs = {**_configs(topic), "min.insync.replicas": str(max(1, replication - 1))}
    return NewTopic(name, topic.partitions, replication, topic_configs=configs)


def _configs(topic: Topic) -> dict[str, str]:
    retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return {"cleanup.policy": "delete", "retention.ms": str(retention)}
