"""Exactly once, whatever is delivered: repeats, gaps, holes, poison, rivals, a rewind."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from bus.alerts.rule_names import RuleName
from bus.domain.errors import InvariantBroken, StoreUnavailable
from bus.kafka.clients import kafka_options
from bus.postgres.pool import Connection, connected
from bus.stage import offsets
from bus.stage import runner as runner_module
from bus.stage.runner import Runner
from bus.wire.record import Record
from tests.stage.rig import PARTITIONS, Counting, Rig


async def test_runner_what_is_delivered_twice_takes_effect_once(rig: Rig) -> None:
    await rig.produce(0, b"a", b"b", b"c", b"d")
    await rig.begin("counting")
    runner, handler, records = rig.runner(), Counting(), await rig.records(0)
    assert await runner.take(handler, records[:3]) == set()
    assert await runner.take(handler, records[:2]) == set()  # altogether known
    assert await runner.take(handler, records[1:]) == set()  # known in part
    assert await rig.effects() == 4
    assert (await rig.standing())[0].next_offset == 4


async def test_runner_a_gap_is_told_and_then_filled_from_the_log(rig: Rig) -> None:
    await rig.produce(0, b"a", b"b", b"c", b"d", b"e")
    await rig.begin("counting")
    runner, handler, records = rig.runner(), Counting(), await rig.records(0)
    assert await runner.take(handler, records[2:]) == {0}  # a gap before
    assert await runner.take(handler, [records[0], records[2]]) == {0}  # a gap inside
    assert await rig.effects() == 0
    assert await runner.catch_up([handler], {0: 5}) == 5
    assert await rig.effects() == 5
    batches = await rig.ask("SELECT first_offset, next_offset FROM stage_batches")
    assert batches == [(0, 5)]


async def test_runner_before_it_was_begun_a_handler_takes_nothing(rig: Rig) -> None:
    await rig.produce(0, b"a")
    assert await rig.runner().take(Counting(), await rig.records(0)) == {0}
    assert await rig.effects() == 0


async def test_runner_offsets_of_transaction_markers_and_aborted_records_are_passed_over(rig: Rig) -> None:
    producer = AIOKafkaProducer(**kafka_options(rig.settings), transactional_id=f"{rig.topic}.tx")
    await producer.start()
    for number in range(4):
        await producer.begin_transaction()
        await producer.send_and_wait(rig.topic, f"t{number}".encode(), partition=0)
        await (producer.abort_transaction() if number == 1 else producer.commit_transaction())
    await producer.stop()
    await rig.begin("counting")
    end = (await rig.reader.ends(rig.topic, [0]))[0]
    assert end == 8  # four records, four markers
    async with asyncio.timeout(60):
        assert await rig.runner().catch_up([Counting()], {0: end}) == 3
    assert (await rig.standing())[0].next_offset == end


async def test_runner_records_that_were_deleted_are_passed_over(rig: Rig) -> None:
    await rig.produce(0, *(b"x" for _ in range(20)))
    admin = AIOKafkaAdminClient(**kafka_options(rig.settings))
    await admin.start()
    await admin.delete_records({TopicPartition(rig.topic, 0): RecordsToDelete(before_offset=15)})
    await admin.close()
    await rig.begin("counting")
    async with asyncio.timeout(60):
        assert await rig.runner().catch_up([Counting()], {0: 20}) == 5
    assert (await rig.standing())[0].next_offset == 20


async def test_runner_poison_stops_its_handler_on_its_partition_before_it_and_nothing_else(rig: Rig) -> None:
    for partition in (0, 1):
        await rig.produce(partition, *(b"x" for _ in range(20)))
    await rig.produce(0, b"poison", b"y", b"z")
    await rig.begin("counting", "other")
    runner, handler, other = rig.runner(), Counting(), Counting(name="other", poison=b"none of it")
    records = [*await rig.records(0), *await rig.records(1)]
    assert await runner.take(handler, records) == set()
    assert await runner.take(other, records) == set()
    assert [one.next_offset for one in (await rig.standing("other")).values()] == [23, 20, 0]
    stopped, going, _ = (await rig.standing()).values()
    assert (stopped.next_offset, going.next_offset) == (20, 20)
    assert stopped.failure == "offset 20: poison (value): a poison pill"
    assert [(one.rule, one.about) for one in rig.found] == [(RuleName.STAGE_STOPPED, "counting/0")]
    assert await runner.take(handler, (await rig.records(0))[20:]) == set()  # it stands still, and nobody waits for it
    assert await runner.catch_up([handler], {0: 23}) == 0

    async with connected(rig.pool) as connection:
        await offsets.revive(connection, ["counting"])
    runner.heed((await rig.standing())[0])
    assert await runner.catch_up([Counting(poison=b"cured")], {0: 23}) == 3
    assert (await rig.standing())[0].failure is None


async def test_runner_what_an_error_of_the_database_stopped_goes_on_by_itself_once_that_is_mended(rig: Rig) -> None:
    await rig.produce(0, b"a", b"b")
    await rig.begin("counting")
    clock = [datetime.now(UTC)]
    runner = Runner(topic=rig.topic, pool=rig.pool, reader=rig.reader, now=lambda: clock[0], report=rig.found.append)

    async def tried_after(seconds: float) -> int:
        clock[0] += timedelta(seconds=seconds)
        runner.heed((await rig.standing())[0])
        return await runner.catch_up([Counting()], {0: 2})

    async with connected(rig.pool) as connection:
        await connection.execute("ALTER TABLE effects ADD CONSTRAINT broken CHECK (value = 'a')")
    assert await runner.take(Counting(), await rig.records(0)) == set()
    assert (await rig.standing())[0].failure == "offset 1: CheckViolation"
    assert len(rig.found) == 1
    await tried_after(2)
    assert len(rig.found) == 2, "it was tried again, and is still broken"
    async with connected(rig.pool) as connection:
        await connection.execute("ALTER TABLE effects DROP CONSTRAINT broken")
    assert (await tried_after(3), await rig.effects()) == (0, 1), "the pause has grown"
    assert (runner.stopped("counting", 0), (await rig.standing())[0].failure) == ("offset 1: CheckViolation",) * 2
    assert (await tried_after(1), await rig.effects()) == (1, 2)
    assert (await rig.standing())[0].failure is None


async def test_runner_the_log_is_read_once_for_all_handlers_from_where_each_stands(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "CHUNK", 7)  # many polls, none of which ends where a handler stands
    for partition in range(PARTITIONS):
        await rig.produce(partition, *(b"x" for _ in range(30)))
    await rig.produce(1, b"poison", b"after")
    await rig.begin("counting", "second", "third")
    runner, handler, second = rig.runner(), Counting(), Counting(name="second", poison=b"none of it")
    assert await runner.take(handler, (await rig.records(0))[:20]) == set()
    assert await runner.take(second, (await rig.records(2))[:11]) == set()
    ends = {0: 25, 1: 32, 2: 30}  # of partition 0 not all is wanted yet
    await runner.catch_up([handler, second], ends)
    assert [one.next_offset for one in (await rig.standing("second")).values()] == [25, 32, 30]
    assert [one.next_offset for one in (await rig.standing()).values()] == [25, 30, 30]
    assert [one.next_offset for one in (await rig.standing("third")).values()] == [0, 0, 0]
    assert (await rig.effects("second"), await rig.effects()) == (87, 85)
    assert "poison" in (runner.stopped("counting", 1) or "")
    assert await runner.catch_up([handler, second], ends) == 0


async def test_runner_what_one_handler_cannot_do_now_is_told_when_the_others_are_done(rig: Rig) -> None:
    class Away(Counting):
        async def handle(self, _connection: Connection, _records: Sequence[Record]) -> None:
            raise StoreUnavailable("away")

    await rig.produce(0, *(b"x" for _ in range(20)))
    await rig.begin("counting", "away")
    runner = rig.runner()
    with pytest.raises(StoreUnavailable):
        await runner.catch_up([Away(name="away"), Counting()], {0: 20})
    assert await rig.effects() == 20
    assert (await rig.standing("away"))[0].failure is None
    assert await runner.catch_up([Counting(name="away"), Counting()], {0: 20}) == 20
    assert (await rig.effects("away"), await rig.effects()) == (20, 20)


async def test_runner_rivals_on_one_partition_bring_each_record_to_effect_once(rig: Rig) -> None:
    await rig.produce(0, *(str(number).encode() for number in range(3000)))
    await rig.begin("counting")
    records = await rig.records(0)

    async def deliver() -> None:
        runner = rig.runner()
        for start in range(0, 3000, 100):
            if await runner.take(Counting(), records[start : start + 100]):
                await runner.catch_up([Counting()], {0: start + 100})

    await asyncio.gather(deliver(), deliver(), rig.runner().catch_up([Counting()], {0: 3000}))
    assert await rig.effects() == 3000
    assert (await rig.standing())[0].next_offset == 3000


async def test_runner_a_rewind_while_records_arrive_is_noticed(rig: Rig) -> None:
    await rig.produce(0, b"a", b"b", b"c")
    await rig.begin("counting")
    runner, handler, records = rig.runner(), Counting(), await rig.records(0)
    assert await runner.take(handler, records[:2]) == set()
    await rig.ask("WITH gone AS (DELETE FROM effects) UPDATE stage_offsets SET next_offset = 0 RETURNING 1")
    assert await runner.take(handler, records[2:]) == {0}
    assert await runner.catch_up([handler], {0: 3}) == 3
    assert await rig.effects() == 3


async def test_runner_the_oldest_batches_of_every_handler_are_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offsets, "PRUNE_EVERY", 10)
    monkeypatch.setattr(offsets, "BATCHES_KEPT", 3)
    await rig.produce(0, *(b"v" for _ in range(20)))
    await rig.begin("counting", "second")
    runner, handlers = rig.runner(), (Counting(), Counting(name="second"))
    for record in await rig.records(0):
        for handler in handlers:
            assert await runner.take(handler, [record]) == set()
    kept = await rig.ask("SELECT handler, min(first_offset), count(*) FROM stage_batches GROUP BY handler ORDER BY 1")
    assert kept == [("counting", 16, 4), ("second", 16, 4)]


async def test_runner_a_record_alone_that_fails_is_tried_once(rig: Rig) -> None:
    tries = list[int]()

    class Failing(Counting):
        async def handle(self, _connection: Connection, records: Sequence[Record]) -> None:
            tries.append(len(records))
            raise InvariantBroken("no")

    await rig.begin("counting")
    await rig.produce(0, b"one")
    runner, handler = rig.runner(), Failing()
    await runner.take(handler, await rig.records(0))
    assert tries == [1]
    assert runner.stopped("counting", 0) == "offset 0: no"
