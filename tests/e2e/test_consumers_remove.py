"""`consumers remove --topic` deletes offsets on Kafka: only once somebody has seen them and said so."""

import asyncio
from subprocess import CompletedProcess

from bus.kafka.clients import make_consumer
from bus.kafka.group_offsets import committed_offsets
from schemas.topics import physical
from tests.bus_under_test import Bus


async def removing(bus: Bus, group: str, topic: str, *options: str, typed: str = "") -> CompletedProcess[str]:
    """Run the command with what somebody types."""
    return await asyncio.to_thread(
        lambda: bus.run("consumers", "remove", group, "--topic", topic, *options, typed=typed)
    )


async def test_consumers_remove_shows_the_offsets_and_deletes_none_without_a_yes(bus: Bus) -> None:
    topic, group = physical(bus.settings.namespace, "ticket.assign"), f"{bus.settings.namespace}.board"
    consumer = make_consumer(bus.settings, topic, group_id=group, client_id="board")
    await consumer.start()
    await consumer.getmany(timeout_ms=0)
    await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
    await consumer.stop()
    before = await committed_offsets(bus.settings, group, topic)
    assert len(before) == 6
    for typed in ("n\n", ""):  # nobody there to answer, as in a script, is no yes
        asked = await removing(bus, group, topic, typed=typed)
        assert asked.returncode == 1, asked.stderr
        assert f"{topic}  分区 partition 5  位移 offset 0" in asked.stdout
        assert f"delete these offsets of {group}?" in asked.stdout
        assert await committed_offsets(bus.settings, group, topic) == before
    done = await removing(bus, group, topic, typed="y\n")
    assert "offsets of 6 partitions deleted" in done.stdout, done.stderr
    assert await committed_offsets(bus.settings, group, topic) == {}
    again = await removing(bus, group, topic, "--yes")
    assert (again.returncode, "there is no consumer" in again.stderr) == (1, True)
