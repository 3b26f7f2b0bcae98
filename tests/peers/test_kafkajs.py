"""kafkajs, as strangers use it: what it compresses is read, and it reads what others compressed by any codec."""

import asyncio
import shutil
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bus.kafka.clients import kafka_options
from tests.bus_under_test import eventually
from tests.stage.rig import Counting, Rig
from tests.stage.test_strangers import CODECS, sent, stranger
from tests.stage.test_worker import has

HERE = Path(__file__).parent / "kafkajs"
LIMIT_S = 60.0

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(not (HERE / "node_modules").is_dir(), reason="kafkajs is not installed: run `make peers`"),
]


async def node(script: str, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / script), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_kafkajs_every_codec_of_its_takes_effect(rig: Rig) -> None:
    rig.work(Counting())
    await node("produce.js", rig.settings.kafka_bootstrap or "", rig.topic, "None", "GZIP", "Snappy", "LZ4")
    await eventually(has(rig, 80))
    assert {one.failure for one in (await rig.standing()).values()} == {None}


async def test_kafkajs_reads_a_topic_of_the_contract_whatever_its_producers_took(rig: Rig) -> None:
    topic = f"{rig.topic}.gzip"
    admin = AIOKafkaAdminClient(**kafka_options(rig.settings))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"compression.type": "gzip"})])
    await admin.close()
    rig.topic = topic
    for codec in CODECS:
        await sent(rig, stranger(rig, **{"compression.type": codec}), codec, count=20)
    read = await node("consume.js", rig.settings.kafka_bootstrap or "", topic, str(20 * len(CODECS)))
    assert sorted(read.split()) == sorted(f"{codec}{n}" for codec in CODECS for n in range(20))
