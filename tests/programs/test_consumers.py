"""Verdicts on real consumers of real Kafka, round by round; what was read before is moved back to let time pass."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from kafka.admin import KafkaAdminClient

from bus.consistency.consumer_store import all_consumers, remove_consumer
from bus.domain.errors import Conflict
from bus.kafka.clients import admin, kafka_options, make_producer
from bus.kafka.group_offsets import committed_offsets, delete_offsets
from bus.postgres.pool import connected
from bus.settings import Settings
from bus.stage import offsets
from bus.stage.handler import Stage, stage_of
from schemas.topics import load_contract
from tests.programs.watching import Watched, watched
from tests.stage.rig import Counting
from tests.store.conftest import database, pool

__all__ = ["database", "pool", "watched"]
CONTRACT = load_contract()
ASSIGN, STATUS, LOG = "ticket.assign", "ticket.status", "ticket.events"
EVERY = timedelta(seconds=10)


def own(watched: Watched, *names: str) -> tuple[Stage, ...]:
    """Make stages of the log that this bus declares, each with one handler."""
    namespace = watched.watch.settings.namespace
    return tuple(stage_of(name, LOG, Counting(name=name), namespace=namespace) for name in names)


async def test_consumers_each_verdict_on_real_consumers(watched: Watched) -> None:
    groups = {name: f"{watched.watch.settings.namespace}-{name}" for name in ("keeps", "polls", "left", "gone", "late")}
    watched.watch = replace(watched.watch, stages=own(watched, "absent", "begun"))
    absent, begun = (one.group for one in watched.watch.stages)
    await watched.write(LOG, 3)
    await watched.write(ASSIGN, 3)
    for name in ("left", "gone", "late"):
        await watched.read_all(groups[name], ASSIGN, 3)
    async with connected(watched.watch.pool) as connection:
        await offsets.begin(connection, ["begun"], watched.topic(LOG), [0])
    async with watched.joined(groups["keeps"], ASSIGN) as keeps, watched.joined(groups["polls"], ASSIGN) as polls:
        await watched.rounds(1)
        assert await watched.about() == set()
        await watched.write(ASSIGN, 6)
        seen = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(9) for consumer in (keeps, polls)]
        assert len(seen) == 18
        await keeps.commit()
        _delete_group(watched.watch.settings, groups["gone"])
        found = await watched.rounds(7)
        verdicts = {name: found[group].verdict.value for name, group in groups.items()}
        assert verdicts == {"keeps": "ok", "polls": "stalled", "left": "stopped", "gone": "vanished", "late": "stopped"}
        assert (found[groups["polls"]].members, found[groups["left"]].members) == (1, 0)
        assert (found[groups["left"]].lag, found[groups["left"]].committed) == (6, 3)
        assert {found[absent].verdict.value, found[begun].verdict.value} == {"never_started", "stopped"}
    async with admin(watched.watch.settings) as client:
        where = TopicPartition(watched.topic(ASSIGN), 0)
        await client.delete_records({where: RecordsToDelete(before_offset=5)})
    found = await watched.rounds(1)
    assert [one.value for one in found[groups["late"]].verdicts] == ["has_lost", "stopped"]
    assert found[groups["late"]].low == 5
    assert groups["polls"] not in found, "it left, and has no offsets"
    fired = {"has_lost", "stopped", "vanished", "never_started"}
    assert await watched.about() == {f"consumer_{one}" for one in fired}
    async with connected(watched.watch.pool) as connection:
        assert await remove_consumer(connection, groups["gone"]) == 1
    assert groups["gone"] not in await watched.rounds(1)


def _delete_group(settings: Settings, group: str) -> None:
    client = KafkaAdminClient(**kafka_options(settings))
    try:
        client.delete_groups([group])
    finally:
        client.close()


async def test_consumers_a_restart_and_the_markers_of_a_transaction_raise_nothing(watched: Watched) -> None:
    settings = watched.watch.settings
    group, reader = f"{settings.namespace}-restarts", f"{settings.namespace}-reads"
    writes = make_producer(settings, transactional_id=f"{settings.namespace}-tx")
    await writes.start()
    async with writes.transaction():
        await writes.send_and_wait(watched.topic(STATUS), b"x", partition=0)
    await writes.stop()
    await watched.read_all(reader, STATUS, 1)
    await watched.write(ASSIGN, 2)
    await watched.read_all(group, ASSIGN, 2)
    fired = set[str]()
    await watched.write(ASSIGN, 2)
    for _ in range(5):
        await watched.rounds(1)
        fired |= await watched.about()
    await watched.read_all(group, ASSIGN, 2)
    for _ in range(5):
        found = await watched.rounds(1)
        fired |= await watched.about()
    assert fired == set()
    assert found[group].verdict.value in ("ok", "idle")
    assert (found[reader].verdict.value, found[reader].lag, found[reader].members) == ("idle", 0, 0)
    assert found[reader].ends - (found[reader].committed or 0) == 1, "the marker is there, and no record"


async def test_consumers_a_group_that_reads_another_topic_now_is_not_subscribed_any_more(watched: Watched) -> None:
    settings = watched.watch.settings
    group, assign = f"{settings.namespace}-moved", watched.topic(ASSIGN)
    await watched.write(ASSIGN, 2)
    await watched.read_all(group, ASSIGN, 2)
    await watched.write(ASSIGN, 3)
    async with watched.joined(group, ASSIGN):
        with pytest.raises(Conflict, match=f"members of the group {group} subscribe to {assign}"):
            await delete_offsets(settings, group, assign)
    async with watched.joined(group, STATUS):
        await watched.rounds(7)
        assert await watched.about() == {"consumer_unsubscribed"}
        assert len(await committed_offsets(settings, group, assign)) == 6, "what a person is shown first"
        assert await delete_offsets(settings, group, assign) == 6, "of each partition"
        async with connected(watched.watch.pool) as connection:
            assert await remove_consumer(connection, group, assign) == 1
        await watched.rounds(2)
        assert await watched.about() == set()
        async with connected(watched.watch.pool) as connection:
            found = [one.topic for one in await all_consumers(connection) if one.consumer == group]
        assert found == [watched.topic(STATUS)], "what was removed does not come back"
    assert await delete_offsets(settings, "nobody-has-this-group", assign) == 0


async def test_consumers_a_round_notes_in_which_minute_a_topic_was_written_whoever_wrote_it(watched: Watched) -> None:
    async with connected(watched.watch.pool) as connection:
        await connection.execute("TRUNCATE topic_minutes, topic_ends")
    await watched.rounds(1)
    await watched.write(ASSIGN, 1)
    await watched.rounds(1)
    async with connected(watched.watch.pool) as connection:
        rows = await (await connection.execute("SELECT topic, now() - minute FROM topic_minutes")).fetchall()
    [(topic, ago)] = rows
    assert topic == ASSIGN
    assert ago < timedelta(minutes=2)
