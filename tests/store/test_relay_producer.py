"""The producer that many tasks hold together: one, and a new one after a failure."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from bus.domain.errors import InvariantBroken, KafkaUnavailable
from bus.kafka import clients as kafka_module
from bus.kafka.clients import RECORD_BYTES_MAX, HeldProducer, admin
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.settings import Settings
from schemas.topics import INTAKE, load_contract, physical
from tests.proxy import unreachable


@pytest.fixture
async def settings(parts: Urls) -> Settings:
    """Make topics in a namespace of the test's own."""
    own = {"kafka_bootstrap": parts.kafka_bootstrap, "namespace": f"p{uuid4().hex[:8]}"}
    settings = Settings.model_validate(own)
    await apply_topics(settings, load_contract(), replication=1)
    return settings


async def send(held: HeldProducer, settings: Settings, value: bytes = b"x", within_s: float = 10) -> AIOKafkaProducer:
    async with held.sending(within_s) as producer:
        await producer.send_and_wait(physical(settings.namespace, INTAKE), value)
        return producer


async def test_relay_producer_first_calls_at_once_make_one_producer(settings: Settings) -> None:
    held = HeldProducer(settings)
    producers = await asyncio.gather(*(send(held, settings) for _ in range(5)))
    assert len({id(one) for one in producers}) == 1
    await held.close()
    await held.close()


async def test_relay_producer_after_a_failure_the_next_call_gets_a_new_producer(settings: Settings) -> None:
    held = HeldProducer(settings)
    first = await send(held, settings)
    with pytest.raises(KafkaUnavailable):
        async with held.sending(0.05):
            await asyncio.Event().wait()
    assert await send(held, settings) is not first
    await held.close()


async def test_relay_producer_while_nobody_answers_it_says_so_and_goes_on_when_somebody_does(
    settings: Settings,
) -> None:
    host, _, port = (settings.kafka_bootstrap or "").rpartition(":")
    async with unreachable(host, int(port)) as proxy:
        address = f"127.0.0.1:{proxy.port}"
        held = HeldProducer(settings.model_copy(update={"kafka_bootstrap": address}))
        with pytest.raises(KafkaUnavailable):
            await send(held, settings)
        await proxy.mend()
        await send(held, settings)
        await held.close()


async def test_relay_producer_a_record_that_is_too_large_is_no_outage(settings: Settings) -> None:
    held = HeldProducer(settings)
    await send(held, settings, b"\x00" * (RECORD_BYTES_MAX - 1_000))
    with pytest.raises(InvariantBroken):
        await send(held, settings, b"\x00" * (RECORD_BYTES_MAX + 1))
    await held.close()


async def test_relay_producer_the_largest_payload_gets_in_however_badly_it_compresses(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = kafka_module.make_producer
    monkeypatch.setattr(kafka_module, "make_producer", lambda used: make(used, compression_type=None))
    held = HeldProducer(settings)
    await send(held, settings, b"\x00" * (RECORD_BYTES_MAX - 1_000))
    await held.close()
    async with admin(settings) as client:
        await client.delete_topics([physical(settings.namespace, name) for name in load_contract().topics])
