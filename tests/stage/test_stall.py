"""A stage that fails again and again says so where people look, and no more once it gets on."""

import pytest
from aiokafka import TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from bus.domain.errors import KafkaUnavailable
from bus.kafka import header_names
from bus.postgres.pool import connected, open_pool
from bus.stage import offsets, stall
from bus.stage.handler import Stage
from bus.stage.stall import FAILURES, WITHIN_S, Stall
from tests.bus_under_test import eventually
from tests.stage.rig import Counting, Rig
from tests.stage.test_worker import has


class BadName(str):
    """A header's name as C and Go clients may write it: any bytes."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


async def put_unreadable(rig: Rig, partition: int) -> None:
    """Append a batch that the broker takes and that aiokafka cannot read."""
    batch = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 4096)
    assert batch.append(0, 0, None, b"v", [(BadName("x"), b"")]) is not None
    client = rig.producer.client
    leader = client.cluster.leader_for_partition(TopicPartition(rig.topic, partition))
    request = ProduceRequest(
        transactional_id=None,
        required_acks=-1,
        timeout=5_000,
        topics=[(rig.topic, [(partition, bytes(batch.build()))])],
    )
    answer = await client.send(leader, request)
    assert answer.topics[0][1][0][1] == 0, answer


async def test_stall_a_batch_that_no_client_reads_is_said_where_the_stage_stands(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "WITHIN_S", 1.0)
    monkeypatch.setattr(header_names, "_Batch", lambda batch, _: batch)  # as aiokafka reads it by itself
    rig.work(Counting())
    await rig.produce_many(2)
    await eventually(has(rig, 6))
    await put_unreadable(rig, partition=1)

    async def said() -> bool:
        return all((one.failure or "").startswith(offsets.STALLED) for one in (await rig.standing()).values())

    await eventually(said, what=lambda: f"failures in the offsets; {rig.found}")
    (alert,) = rig.found
    assert (alert.rule, alert.about) == ("stage_stopped", "rig")


async def test_stall_is_over_once_the_stage_gets_on_and_a_handlers_own_stop_is_not(rig: Rig) -> None:
    now, stage = 0.0, Stage(name="rig", topic=rig.topic, group="g", handlers=(Counting(), Counting(name="second")))
    await rig.begin("counting", "second", "of another stage")
    async with connected(rig.pool) as connection:
        await offsets.stop(connection, "second", 1, "offset 7: poison")
    one = Stall(stage=stage, pool=rig.pool, report=rig.found.append, clock=lambda: now)
    for _ in range(FAILURES + 1):
        await one.failed(KafkaUnavailable("Kafka is away"))
    assert (one.why, rig.found) == (None, [])  # in so short a time: a broker changes leaders
    now = WITHIN_S
    await one.failed(KafkaUnavailable("Kafka is away"))
    await one.failed(KafkaUnavailable("and away"))
    why = "fails again and again: Kafka is away"
    assert (one.why, len(rig.found)) == (why, 1)
    written = "SELECT failure, count(*) FROM stage_offsets WHERE failure IS NOT NULL GROUP BY 1 ORDER BY 1"
    assert await rig.ask(written) == [(why, 5), ("offset 7: poison", 1)]
    await one.got_on()
    assert (one.why, await rig.ask(written)) == (None, [("offset 7: poison", 1)])


async def test_stall_that_could_not_be_written_is_written_by_the_next_failure_or_taken_back(rig: Rig) -> None:
    stage = Stage(name="rig", topic=rig.topic, group="g", handlers=(Counting(),))
    await rig.begin("counting")
    written = "SELECT count(*) FROM stage_offsets WHERE failure IS NOT NULL"
    async with open_pool("postgresql://nobody@127.0.0.1:1/nothing", size=1) as away:
        away.timeout = 0.2
        one = Stall(
            stage=stage, pool=away, report=rig.found.append, clock=iter((0.0, WITHIN_S, *[WITHIN_S] * 9)).__next__
        )
        for _ in range(FAILURES):
            await one.failed(ValueError("13800001111"))
    assert one.why == "fails again and again: ValueError"
    one.pool = rig.pool
    await one.failed(ValueError("13800001111"))
    assert await rig.ask(written) == [(3,)]
    await one.got_on()
    assert await rig.ask(written) == [(0,)]


async def test_stall_is_of_the_partitions_held_and_taken_back_by_who_holds_them_next(rig: Rig) -> None:
    stage, times = Stage(name="rig", topic=rig.topic, group="g", handlers=(Counting(),)), iter((0.0, *[WITHIN_S] * 9))
    await rig.begin("counting")
    gone = Stall(stage=stage, pool=rig.pool, report=rig.found.append, held=lambda: {1}, clock=lambda: next(times))
    for _ in range(FAILURES):
        await gone.failed(KafkaUnavailable("away"))
    standing = await rig.standing()
    assert [bool(standing[one].failure) for one in range(3)] == [False, True, False]
    heir = Stall(stage=stage, pool=rig.pool, report=rig.found.append)
    await heir.heed(standing.values())
    assert {one.failure for one in (await rig.standing()).values()} == {None}
