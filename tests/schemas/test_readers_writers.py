"""The topic contract names who really reads and writes: held against the worker's stages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.delivery.targets_config import TargetsConfig
from bus.local.stack import Urls
from bus.programs.worker import stages_of
from schemas.topics import LOG, load_contract, physical
from tests.bus_under_test import Bus, bus_on

CONTRACT = load_contract()
# Who reads and writes without being a stage: the gateway's stream and people; programs, the relay, other systems.
OTHER_READERS, WRITERS = {"stream", "operators"}, {"relay", "gateway", "watch", "sources"}


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        yield made


async def test_readers_writers_of_every_topic_are_the_stages_that_run(bus: Bus) -> None:
    async with bus.core() as core:
        stages = stages_of(core, TargetsConfig(targets={}))
        reading = {
            topic: {one.name for one in stages if one.topic == physical(core.settings.namespace, topic)}
            for topic in CONTRACT.topics
        }
    assert {topic: set(one.readers) - OTHER_READERS for topic, one in CONTRACT.topics.items()} == reading


@pytest.mark.parametrize("topic", CONTRACT.topics)
def test_readers_writers_are_known_and_the_stream_reads_what_is_public(topic: str) -> None:
    one = CONTRACT.topics[topic]
    assert set(one.writers) <= WRITERS
    assert ("stream" in one.readers) == (one.public and topic != LOG)
