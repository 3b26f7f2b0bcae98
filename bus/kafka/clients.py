"""Kafka clients made one way: safe defaults, security from the settings, topics provisioned from the contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from ssl import create_default_context
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from bus.domain.errors import InvariantBroken, KafkaUnavailable, TopicAway
from bus.kafka.broker_topic import BrokerTopic, TopicRefused, check, describe, set_configs
from bus.settings import Settings
from bus.wire.codec import PAYLOAD_BYTES_MAX
from schemas.topics import Contract, Topic, physical

REQUEST_TIMEOUT_MS = 10_000
RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024  # the largest payload, with its key and headers
BATCH_BYTES_MAX = 256 * 1024  # aiokafka waits for an ack before the next batch of a partition: few, large ones
STOP_S_MAX = 1.0


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
            "max_request_size": RECORD_BYTES_MAX,
            "compression_type": "gzip",
            "max_batch_size": BATCH_BYTES_MAX,
            **options,
        },
    )


async def start_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Make and connect a producer; stop it yourself. Raises KafkaUnavailable, with nothing left open."""
    producer, started = make_producer(settings, **options), False
    try:
        await producer.start()
        started = True
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
    finally:
        if not started:
            await producer.stop()
    return producer


class HeldProducer:
    """One producer for many tasks: connected when first needed, and anew after a failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def sending(self, within_s: float) -> AsyncIterator[AIOKafkaProducer]:
        """Lend the producer to a block that ends within so many seconds.

        Raises KafkaUnavailable: then what was sent is in doubt, and the producer gone with its sequence numbers; as
        TopicAway where one topic alone is the reason.
        Raises InvariantBroken for a record that Kafka will never take.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(within_s):
                producer = await self._connected()
                yield producer
        except MessageSizeTooLargeError as error:
            await self._drop(producer)
            raise InvariantBroken(f"a record of more than {RECORD_BYTES_MAX} bytes never gets into Kafka") from error
        except TopicAuthorizationFailedError as error:
            await self._drop(producer)
            raise TopicAway(str(error.args[0])) from error
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            await self._drop(producer)
            raise KafkaUnavailable(f"Kafka did not acknowledge: {type(error).__name__}") from error

    async def close(self) -> None:
        """Let go of the producer; idempotent."""
        await self._drop(self._producer)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._turn:
            if self._producer is None:
                self._producer = await start_producer(self._settings)
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None:
            return
        known = producer is self._producer  # else another task dropped it already, and the next may be there
        if known:
            self._producer = None
        await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close a producer without sending what it holds: those records were given up, and are sent again by their rows.

    Its own stop() waits to send them; cancelled half-way it lives on and sends them whenever the broker comes back.
    """
    if producer._closed:
        return
    producer._closed = True
    try:
        with contextlib.suppress(KafkaError, OSError):
            async with asyncio.timeout(STOP_S_MAX):
                await producer._sender.close()
    finally:
        await producer.client.close()


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
    """Create the contract's topics that are missing; idempotent. Gives the names made.

    Raises KafkaUnavailable, TopicRefused.
    """
    async with admin(settings) as client:
        there = set(await client.list_topics())
        wanted = _wanted(settings, contract)
        new = [_new_topic(name, topic, replication) for name, topic in wanted.items() if name not in there]
        if not new:
            return []
        answers = (await client.create_topics(new)).topic_errors
        made = [one for one in answers if for_code(one[1]) is not TopicAlreadyExistsError]  # else another applied it
        for name, code, *said in made:
            check(name, code, *said)
        return [name for name, *_ in made]


async def alter_topics(settings: Settings, contract: Contract) -> list[str]:
    """Set the configs in which standing topics differ from the contract; idempotent. Each difference is one sentence.

    What the contract does not name stays as it is, and so does what keeps more: nothing is deleted. Kafka's request
    replaces all that is set for a topic: what somebody else sets at the same moment may be lost.
    Raises KafkaUnavailable; TopicRefused, before any change, when a topic of events has another number of partitions.
    """
    wanted = _wanted(settings, contract)
    async with admin(settings) as client:
        there = await describe(client, wanted)
        ordered = {name: one for name, one in there.items() if wanted[name].events}
        if wrong := _partition_differences(ordered, wanted):
            raise TopicRefused(f"{'; '.join(wrong)}. It is never changed: the order per ticket depends on it")
        differences = list(_config_differences(there, wanted))
        changed = sorted({name for name, key, actual, value in differences if not _deletes(key, actual, value)})
        configs = {name: {**there[name].own, **_configs(wanted[name])} for name in changed}
        for name, key, actual, value in differences:
            if name in configs and actual is not None and _deletes(key, actual, value):
                configs[name][key] = actual
        if configs:
            await set_configs(client, configs)
    return [
        f"topic {name}: {key} changed from {actual} to {value}"
        if not _deletes(key, actual, value)
        else f"topic {name}: {key} stays {actual}: {value}, as the contract says, deletes records; set it by hand"
        for name, key, actual, value in differences
    ]


async def topic_differences(settings: Settings, contract: Contract) -> list[str]:
    """Hold the broker's topics against the contract; each difference is one sentence.

    Raises KafkaUnavailable, TopicRefused.
    """
    wanted = _wanted(settings, contract)
    async with admin(settings) as client:
        there = await describe(client, wanted)
    return [
        *(f"{name} is missing" for name in sorted(wanted.keys() - there.keys())),
        *_partition_differences(there, wanted),
        *(
            f"{name}: {key} is {actual}, the contract says {value}"
            for name, key, actual, value in _config_differences(there, wanted)
        ),
    ]


def _wanted(settings: Settings, contract: Contract) -> dict[str, Topic]:
    return {physical(settings.namespace, name): topic for name, topic in contract.topics.items()}


def _partition_differences(there: Mapping[str, BrokerTopic], wanted: Mapping[str, Topic]) -> list[str]:
    return [
        f"{name} has {one.partitions} partitions, the contract says {wanted[name].partitions}"
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


def _deletes(key: str, actual: str | None, value: str) -> bool:
    """Tell whether a change lets the broker delete what it would have kept; -1 keeps for ever."""
    if key == "cleanup.policy":
        return "delete" in value and "delete" not in (actual or "")
    return key == "retention.ms" and int(value) >= 0 and (actual == "-1" or int(value) < int(actual or 0))


def _new_topic(name: str, topic: Topic, replication: int) -> NewTopic:
    configs = {**_configs(topic), "min.insync.replicas": str(max(1, replication - 1))}
    return NewTopic(name, topic.partitions, replication, topic_configs=configs)


def _configs(topic: Topic) -> dict[str, str]:
    retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention),
        "max.message.bytes": str(RECORD_BYTES_MAX),
        # A record bears the time of its event; what a wrong clock told is published all the same.
        "message.timestamp.after.max.ms": str(2**63 - 1),
        # What others write is timed by the broker: their clocks may say anything.
        "message.timestamp.type": "LogAppendTime" if topic.records == "commands" else "CreateTime",
    }
