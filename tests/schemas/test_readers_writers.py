"""The topic contract names who really reads and writes: held against the worker's stages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.alerts.engine import alert_records
from bus.delivery.targets_config import TargetsConfig
from bus.gateway.write import spool
from bus.kafka import host_readings
from bus.local.stack import Urls
from bus.people import directory
from bus.programs import audit_sealing
from bus.programs.worker import CONNECTIONS, stages_of
from deadletter import records, replay
from schemas.topics import LOG, load_contract, physical
from tests.bus_under_test import Bus, bus_on

CONTRACT = load_contract()
OTHER_READERS = {"stream", "operators"}  # no stages: the gateway's stream, and people
OUTSIDE = {"sources", "operators"}  # writers that are no program of the bus: systems, and people by `hosts remove`
# Modules that name the topics that they write: records beside events go out by the relay.
WRITING = {
    spool: {"gateway"},
    host_readings: {"watch", "gateway"},
    records: {"relay"},
    replay: {"relay"},
    alert_records: {"relay"},
    audit_sealing: {"relay"},
    directory: {"relay"},
}


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus without programs."""
    with bus_on(parts, tmp_path, database_kept=False) as made:
        yield made


async def test_readers_writers_of_every_topic_are_the_stages_that_run(bus: Bus) -> None:
    async with bus.core() as core:
        stages = stages_of(core, TargetsConfig(targets={}), {}, {})
        reading = {
            topic: {one.name for one in stages if one.topic == physical(core.settings.namespace, topic)}
            for topic in CONTRACT.topics
        }
    assert {topic: set(one.readers) - OTHER_READERS for topic, one in CONTRACT.topics.items()} == reading
    handlers = [handler.name for stage in stages for handler in stage.handlers]
    assert len(handlers) < CONNECTIONS, "each holds a connection and may take a second: one has to be left"


def test_readers_writers_of_every_topic_are_the_parts_that_name_it() -> None:
    writing = {name: {"relay"} if topic.events else set() for name, topic in CONTRACT.topics.items()}
    for module, writers in WRITING.items():
        for topic in {value for value in vars(module).values() if isinstance(value, str)} & writing.keys():
            writing[topic] |= writers
    assert {name: set(topic.writers) - OUTSIDE for name, topic in CONTRACT.topics.items()} == writing


@pytest.mark.parametrize("topic", CONTRACT.topics)
def test_readers_writers_the_stream_reads_what_is_public(topic: str) -> None:
    one = CONTRACT.topics[topic]
    assert ("stream" in one.readers) == (one.public and topic != LOG)
