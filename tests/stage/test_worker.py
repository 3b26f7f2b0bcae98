"""Whole stages: Faust delivers from a real broker, PostgreSQL keeps the offsets."""

import asyncio
import socket
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
from aiokafka.consumer.fetcher import Fetcher

from bus.local.stack import Urls
from bus.postgres.pool import Connection
from bus.stage import runner as runner_module
from bus.stage import worker as worker_module
from bus.stage.faust_app import make_app
from bus.wire.record import Record
from tests.bus_under_test import eventually
from tests.stage.rig import PARTITIONS, Counting, Rig


def has(rig: Rig, count: int, handler: str = "counting") -> Callable[[], Awaitable[bool]]:
    """Wait for so many effects."""

    async def holds() -> bool:
        return await rig.effects(handler) == count

    return holds


async def test_worker_what_is_produced_takes_effect_once_and_the_group_shows_it(rig: Rig) -> None:
    rig.work(Counting(), Counting(name="second"))
    await rig.produce_many(10)
    await eventually(has(rig, 30))
    await rig.produce_many(100, "live")
    await eventually(has(rig, 330))
    await eventually(has(rig, 330, "second"))

    async def committed() -> bool:
        return set((await rig.committed()).values()) == {110}

    await eventually(committed, what="the group's committed offsets")


async def test_worker_a_stage_far_behind_reads_directly_and_then_lives_on(rig: Rig) -> None:
    await rig.produce_many(5_000)
    await rig.begin("counting")
    rig.work(Counting())
    await eventually(has(rig, 15_000))
    large = await rig.ask("SELECT count(*) FROM stage_batches WHERE next_offset - first_offset > 500")
    assert large[0][0] > 0  # larger than any micro-batch
    await rig.produce_many(20, "live")
    await eventually(has(rig, 15_060))

    async def committed() -> bool:
        return set((await rig.committed()).values()) == {5_020}

    await eventually(committed, what="the group's committed offsets after the jump")


async def test_worker_a_stage_skips_ahead_in_its_consumers_own_thread(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another it takes records away from under the fetches, and these crash for good."""
    threads: dict[Fetcher, set[int]] = defaultdict(set)

    def traced(original: Any) -> Any:
        def called(self: Fetcher, *rest: Any, **options: Any) -> Any:
            threads[self].add(threading.get_ident())
            return original(self, *rest, **options)

        return called

    for name in ("seek_to", "fetched_records"):
        monkeypatch.setattr(Fetcher, name, traced(getattr(Fetcher, name)))
    await rig.begin("counting")
    await rig.produce_many(1_000)
    rig.work(Counting())
    await eventually(has(rig, 3_000))
    await rig.produce_many(1, "live")
    await eventually(has(rig, 3_003))
    assert {len(some) for some in threads.values()} == {1}
    assert {threading.get_ident()} < set.union(*threads.values())


async def test_worker_a_burst_into_a_running_stage_is_read_directly(rig: Rig) -> None:
    rig.work(Counting(), Counting(name="second"))
    await rig.produce_many(10)
    await eventually(has(rig, 30))
    await rig.produce_many(4_000, "burst")
    await eventually(has(rig, 12_030))
    await eventually(has(rig, 12_030, "second"))
    large = await rig.ask("SELECT count(*) FROM stage_batches WHERE next_offset - first_offset > 500")
    assert large[0][0] > 0  # larger than any micro-batch


async def test_worker_a_handler_far_behind_the_others_holds_none_of_them_up_and_gets_there(rig: Rig) -> None:
    gate = asyncio.Event()

    class Slow(Counting):
        async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
            await gate.wait()
            await Counting.handle(self, connection, records)

    await rig.produce_many(2_000)
    await rig.begin("counting", "slow")
    runner, ends = rig.runner(), await rig.reader.ends(rig.topic, range(PARTITIONS))
    await runner.catch_up([Counting()], ends)
    rig.work(Counting(), Slow(name="slow"))  # as a read model that is new, or being rebuilt
    await rig.produce_many(20, "live")
    await eventually(has(rig, 6_060))
    await rig.produce_many(2_000, "burst")
    await eventually(has(rig, 12_060))
    assert await rig.effects("slow") == 0
    gate.set()
    await eventually(has(rig, 12_060, "slow"))
    await rig.produce_many(20, "later")
    await eventually(has(rig, 12_120, "slow"))
    await eventually(has(rig, 12_120))


@pytest.mark.parametrize("arrives", [20, 2_000], ids=["delivered", "read directly"])
async def test_worker_a_handler_that_hangs_holds_no_other_up_and_gets_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, arrives: int
) -> None:
    monkeypatch.setattr(runner_module, "HOLD_S_MAX", 0.3)
    gate, hung = asyncio.Event(), asyncio.Event()
    gate.set()

    class Hangs(Counting):
        async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
            if not gate.is_set():
                hung.set()
            await gate.wait()
            await Counting.handle(self, connection, records)

    rig.work(Counting(), Hangs(name="hangs"))
    await rig.produce_many(10)
    await eventually(has(rig, 30, "hangs"), within_s=60)
    gate.clear()
    await rig.produce_many(arrives, "first")
    await hung.wait()
    await eventually(has(rig, 30 + 3 * arrives), within_s=60)
    await rig.produce_many(arrives, "second")
    await eventually(has(rig, 30 + 6 * arrives), within_s=60)
    assert await rig.effects("hangs") == 30
    gate.set()
    await eventually(has(rig, 30 + 6 * arrives, "hangs"), within_s=60)


async def test_worker_a_rewound_stage_catches_up_although_nothing_new_arrives(rig: Rig) -> None:
    await rig.produce_many(50)
    rig.work(Counting())
    await eventually(has(rig, 150))
    await rig.ask("WITH gone AS (DELETE FROM effects) UPDATE stage_offsets SET next_offset = 0 RETURNING 1")
    await eventually(has(rig, 150))


async def test_worker_a_poisoned_partition_stops_and_the_others_go_on(rig: Rig) -> None:
    await rig.produce_many(5)
    await rig.produce(1, b"poison")
    stop = rig.work(Counting())
    await eventually(has(rig, 15))
    await rig.produce_many(5, "after")
    await eventually(has(rig, 25))
    standing = await rig.standing()
    assert [standing[p].next_offset for p in range(PARTITIONS)] == [10, 5, 10]
    assert "poison" in (standing[1].failure or "")

    await stop()  # a fresh start is a fresh try: the cure was a new version of the handler
    rig.work(Counting(poison=b"cured"))
    await eventually(has(rig, 31))


async def test_worker_two_workers_share_and_take_over_without_loss_or_repeat(rig: Rig) -> None:
    produced, done = 0, asyncio.Event()

    async def produce() -> None:
        nonlocal produced
        while not done.is_set():
            await rig.produce_many(10)
            produced += 10 * PARTITIONS
            await asyncio.sleep(0.05)  # a steady trickle, not a condition

    async def share_of(handler: Counting) -> bool:
        return handler.handled > 0

    producing = asyncio.create_task(produce())
    first, second = Counting(), Counting()
    stop_first = rig.work(first)
    await eventually(lambda: share_of(first))
    rig.work(second)
    await eventually(lambda: share_of(second))
    await stop_first()
    done.set()
    await producing
    await eventually(has(rig, produced))


async def test_worker_while_postgres_is_away_a_stage_waits_and_then_loses_nothing(rig: Rig, parts: Urls) -> None:
    rig.work(Counting())
    await rig.produce_many(10)
    await eventually(has(rig, 30))
    async with await psycopg.AsyncConnection.connect(parts.admin_url, autocommit=True) as connection:
        await connection.execute(f"ALTER DATABASE {rig.database} ALLOW_CONNECTIONS false".encode())
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (rig.database,)
        )
        await rig.produce_many(200, "away")
        await asyncio.sleep(1.5)  # the outage itself
        await connection.execute(f"ALTER DATABASE {rig.database} ALLOW_CONNECTIONS true".encode())
    await eventually(has(rig, 630))
    assert all(one.failure is None for one in (await rig.standing()).values())


async def test_worker_while_kafka_is_away_at_the_start_a_stage_waits_and_stops_when_told(rig: Rig) -> None:
    with socket.socket() as nobody:  # bound, not listening: whoever connects is refused
        nobody.bind(("127.0.0.1", 0))
        away = rig.settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{nobody.getsockname()[1]}"})
        stop = rig.work(Counting(), settings=away)
        await asyncio.sleep(1)  # it has tried by now
        async with asyncio.timeout(60):
            await stop()


async def test_worker_a_stop_stays_when_the_app_crashes_and_ends_when_a_worker_starts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = list[Any]()

    def made(*given: Any, **options: Any) -> Any:
        apps.append(make_app(*given, **options))
        return apps[-1]

    monkeypatch.setattr(worker_module, "make_app", made)
    stop = rig.work(Counting())
    await rig.produce(0, b"poison")
    await rig.produce(1, b"sound")
    await eventually(has(rig, 1))

    async def stopped() -> bool:
        return (await rig.standing())[0].failure is not None

    await eventually(stopped)
    await apps[0].crash(RuntimeError("planted"))

    async def another() -> bool:
        return len(apps) == 2

    await eventually(another)
    await rig.produce(1, b"after the crash")
    await eventually(has(rig, 2))
    assert await stopped(), "an outage lifts no stop"
    await stop()
    rig.work(Counting(poison=b"no longer"))
    await eventually(has(rig, 3))
    assert not await stopped()
