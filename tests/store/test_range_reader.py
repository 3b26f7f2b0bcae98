"""Reading the log directly while the broker goes: an error of Kafka's stays one."""

import asyncio
from typing import Any, Never
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import NodeNotReadyError

from bus.domain.errors import KafkaUnavailable
from bus.kafka import range_reader
from bus.kafka.clients import make_consumer
from bus.kafka.range_reader import RangeReader
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.settings import Settings
from schemas.topics import INTAKE, load_contract, physical


async def test_range_reader_whose_fetch_waits_to_be_tried_again_raises_kafka_unavailable_and_leaves_nothing_open(
    parts: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"kafka_bootstrap": parts.kafka_bootstrap, "namespace": f"p{uuid4().hex[:8]}"}
    settings = Settings.model_validate(own)
    await apply_topics(settings, load_contract(), replication=1)
    monkeypatch.setattr(range_reader, "NO_PROGRESS_S_MAX", 0.1)
    topic, made, failed = physical(settings.namespace, INTAKE), list[AIOKafkaConsumer](), asyncio.Event()

    def make() -> AIOKafkaConsumer:
        made.append(make_consumer(settings, retry_backoff_ms=60_000))
        return made[-1]

    async def fails(*_: Any, **__: Any) -> Never:
        failed.set()
        raise NodeNotReadyError("the broker is gone")

    reader = RangeReader(make)
    assert await reader.topic_id(topic)
    (consumer,) = made
    monkeypatch.setattr(consumer._client, "send", fails)
    with pytest.raises(KafkaUnavailable, match="nothing arrived"):
        await anext(reader.read(topic, 0, 0, 1, most=1))
    await failed.wait()
    async with asyncio.timeout(10):
        with pytest.raises(KafkaUnavailable, match="NodeNotReady"):
            await reader.topic_id(topic)
    assert consumer._client._sync_task is None, "the client asks for brokers no more"
