"""Kafka clients made one way: safe defaults, security from the settings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from bus.aio import CancelledWithin, cancellation_as_error
from bus.domain.errors import InvariantBroken, KafkaUnavailable, TopicAway
from bus.kafka.header_names import tolerate_header_names
from bus.settings import Settings, secret_of
from bus.tls import trust
from bus.wire.codec import PAYLOAD_BYTES_MAX

REQUEST_TIMEOUT_MS = 10_000
RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX + 64 * 1024  # the largest payload, with its key and headers
BATCH_BYTES_MAX = 256 * 1024  # aiokafka waits for an ack before the next batch of a partition: few, large ones
STOP_S_MAX = 1.0
CONSUMER_STOP_S_MAX = 15.0


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Give the connection arguments that every Kafka client takes. Raises KafkaUnavailable, CertificateUnusable."""
    if not settings.kafka_bootstrap:
        raise KafkaUnavailable("KAFKA_BOOTSTRAP is not set and no local stack runs; start one with `ticketbus up`")
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap, "security_protocol": protocol}
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = secret_of(settings, "kafka_password") or None
    if protocol.endswith("SSL"):
        options["ssl_context"] = trust(settings, "kafka_ca_file")
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
        """Close the producer; idempotent."""
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
    """Close a producer without sending its buffer: those records are published again from their rows.

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
    tolerate_header_names()
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


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer in any state; never raises an error of Kafka's.

    Its own stop() cancels a fetch that waits to be tried again, ends with that cancellation, and leaves its client
    asking for brokers (aiokafka #647): whoever awaits it would look cancelled.
    """
    try:
        async with asyncio.timeout(CONSUMER_STOP_S_MAX):
            try:
                with cancellation_as_error():
                    await consumer.stop()
            finally:
                await consumer._client.close()
    except (CancelledWithin, KafkaError, OSError):  # TimeoutError is an OSError
        return  # it is gone one way or the other


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
