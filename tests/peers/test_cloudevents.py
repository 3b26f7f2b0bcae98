"""The CloudEvents SDKs of three languages take our records by their Kafka bindings, in binary mode."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from bus.domain.events import Recorded
from bus.kafka.clients import kafka_options
from schemas.catalogue import BY_CLASS
from tests.gateway.fakes import CODEC, headers_of
from tests.gateway.test_stream_kafka import history
from tests.stage.rig import Rig

HERE = Path(__file__).parent / "cloudevents"
LIMIT_S = 60.0

pytestmark = pytest.mark.peers


@pytest.fixture
async def events(rig: Rig) -> Sequence[Recorded]:
    """Publish a few events as the relay does."""
    events = (await history())[:60:10]
    async with AIOKafkaProducer(**kafka_options(rig.settings)) as producer:
        for one in events:
            await producer.send_and_wait(
                rig.topic, CODEC.encode(one), key=one.ticket_id.encode(), headers=headers_of(one)
            )
    return events


def attributes_of(events: Sequence[Recorded]) -> dict[str, dict[str, Any]]:
    """Give what a CloudEvent is to hold, by its id; the time apart, which each language spells in its own way."""
    return {
        str(one.event_id): {
            "id": str(one.event_id),
            "source": f"/sources/{one.source}",
            "type": BY_CLASS[type(one.event)].ce_type,
            "subject": one.ticket_id,
            "dataschema": BY_CLASS[type(one.event)].dataschema,
            "datacontenttype": "application/avro",
            "specversion": "1.0",
            "data": CODEC.encode(one).hex(),
        }
        for one in events
    }


def hold(read: Sequence[dict[str, Any]], events: Sequence[Recorded]) -> None:
    """Hold what an SDK read against the events; times to the millisecond, which is JavaScript's own."""
    times = {one["id"]: datetime.fromisoformat(one.pop("time")).astimezone(UTC) for one in read}
    assert {one["id"]: one for one in read} == attributes_of(events)
    for one in events:
        assert abs((times[str(one.event_id)] - one.occurred_at).total_seconds()) < 0.001


async def read_by(*command: str, rig: Rig, count: int) -> list[dict[str, Any]]:
    """Run a reader to its end; gives its lines."""
    process = await asyncio.create_subprocess_exec(
        *command, rig.settings.kafka_bootstrap or "", rig.topic, str(count),
        cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.splitlines()]


async def test_cloudevents_of_python(events: Sequence[Recorded]) -> None:
    kafka = pytest.importorskip("cloudevents.core.bindings.kafka", reason="cloudevents is not installed: `make peers`")
    read = []
    for one in events:
        message = kafka.KafkaMessage(headers=dict(headers_of(one)), key=one.ticket_id.encode(), value=CODEC.encode(one))
        event = kafka.from_binary_event(message)
        names = ("id", "source", "type", "subject", "dataschema", "datacontenttype", "specversion")
        held = {**event.get_attributes()}
        read.append(
            {name: held[name] for name in names}
            | {"time": event.get_time().isoformat(), "data": bytes(event.get_data()).hex()}
        )
    hold(read, events)


async def test_cloudevents_of_javascript(rig: Rig, events: Sequence[Recorded]) -> None:
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        pytest.skip("node, or the SDK, is not installed: run `make peers`")
    hold(await read_by("node", "read.js", rig=rig, count=len(events)), events)


async def test_cloudevents_of_java(rig: Rig, events: Sequence[Recorded]) -> None:
    if shutil.which("java") is None or not (HERE / "lib").is_dir():
        pytest.skip("java, or the SDK's jars, are not installed: run `make peers`")
    hold(await read_by("java", "-cp", "lib/*", "Read.java", rig=rig, count=len(events)), events)
