"""Couriers on a real database: whatever the target does, each event has one effect there, in order per ticket (R37)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.status import target_statuses
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.errors import InvariantBroken
from bus.postgres.pool import in_transaction
from deadletter.store import groups
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_worker, delivery_workers, fails, utc_now

EVENTS = [(f"T{ticket}", version) for version in range(1, 6) for ticket in range(8)]


async def settled(delivery_queue: DeliveryQueue) -> bool:
    return not await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE NOT parked")


async def delivered(delivery_queue: DeliveryQueue, target: Scripted, events: list[tuple[str, int]]) -> None:
    """Hold the ledger against the events: each once, in order per ticket."""
    assert set(target.ledger.values()) == {1}
    assert sorted(target.order) == sorted(events)
    for ticket in {one for one, _ in events}:
        versions = [version for one, version in target.order if one == ticket]
        assert versions == sorted(versions)
    done = await delivery_queue.rows("SELECT ticket_id, version FROM deliveries WHERE state = 'done'")
    assert sorted(done) == sorted(events)


@pytest.mark.parametrize("workers", [1, 3])
async def test_delivery_worker_every_event_arrives_once_and_in_order(
    delivery_queue: DeliveryQueue, workers: int
) -> None:
    target = Scripted()
    async with delivery_workers(delivery_queue.pool, target, workers):
        await delivery_queue.add(*EVENTS, now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, EVENTS)
    assert target.asked == 0


@pytest.mark.parametrize("kind", [FailureKind.UNREACHABLE, FailureKind.UNAVAILABLE, FailureKind.THROTTLED])
async def test_delivery_worker_a_call_that_did_nothing_is_made_again(
    delivery_queue: DeliveryQueue, kind: FailureKind
) -> None:
    target = Scripted(before=fails(kind))
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(*EVENTS, now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, EVENTS)


@pytest.mark.parametrize("idempotent", [False, True])
async def test_delivery_worker_a_call_that_timed_out_after_its_effect_has_one_effect(
    delivery_queue: DeliveryQueue, *, idempotent: bool
) -> None:
    target = Scripted(idempotent=idempotent, after=fails(FailureKind.UNKNOWN))
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(*EVENTS, now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, EVENTS)
    assert (target.asked > 0) is not idempotent


async def test_delivery_worker_a_target_that_hangs_is_cut_and_asked(delivery_queue: DeliveryQueue) -> None:
    async def hang(call: Call) -> None:
        if call.attempt == 1:
            await asyncio.sleep(3600)

    target = Scripted(after=hang)
    async with delivery_workers(delivery_queue.pool, target, attempt_timeout=timedelta(milliseconds=100)):
        await delivery_queue.add(("T1", 1), ("T1", 2), now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, [("T1", 1), ("T1", 2)])


async def test_delivery_worker_an_adapter_with_a_bug_stops_nobody(delivery_queue: DeliveryQueue) -> None:
    async def crash(call: Call) -> None:
        if call.event.version == 2 and call.attempt == 1:
            raise KeyError("13800000000")

    target = Scripted(before=crash)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(("T1", 1), ("T1", 2), ("T1", 3), now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, [("T1", 1), ("T1", 2), ("T1", 3)])


async def test_delivery_worker_a_rejected_event_is_parked_with_its_letter_and_its_ticket_waits_behind_it(
    delivery_queue: DeliveryQueue,
) -> None:
    async def reject(call: Call) -> None:
        if (call.event.ticket_id, call.event.version) == ("T3", 2):
            words = "物料 M-17\0 已禁用,请致电 13812345678"
            raise DeliveryFailed(FailureKind.REJECTED, "no such material M-17", status=200, code="E17", message=words)

    target = Scripted(before=reject)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(*EVENTS, now=utc_now())
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, [one for one in EVENTS if one[0] != "T3" or one[1] < 2])
    ((ticket_id, version, reason, kind, failures, value),) = await delivery_queue.rows(
        "SELECT ticket_id, version, reason, kind, failures, value FROM letters"
    )
    assert (ticket_id, version, reason, kind) == ("T3", 2, "rejected", "rejected")
    (failure,) = failures
    assert (failure["detail"], failure["code"], failure["status"]) == ("no such material M-17", "E17", 200)
    assert failure["message"] == "物料 M-17 已禁用,请致电 138****5678"
    (group,) = await groups(delivery_queue.pool, origin=f"delivery:{ERP}")
    assert group.message == failure["message"]
    assert [one.last_failure for one in await target_statuses(delivery_queue.pool)] == [failure]
    assert value == (await delivery_queue.rows("SELECT value FROM events WHERE ticket_id = 'T3' AND version = 2"))[0][0]
    assert [(one.rule, one.about, one.ticket_id) for one in target.found] == [(RuleName.DEAD_LETTER, ERP, "T3")]


async def test_delivery_worker_a_target_that_is_down_gets_ten_calls_then_probes_and_loses_nothing(
    delivery_queue: DeliveryQueue,
) -> None:
    down = True

    async def refuse(_call: Call) -> None:
        if down:
            raise DeliveryFailed(FailureKind.UNKNOWN, "500", status=500)

    target = Scripted(before=refuse)
    probe_every = timedelta(seconds=1)
    async with delivery_workers(delivery_queue.pool, target, 2, breaker={"failures": 10, "probe_every": probe_every}):
        await delivery_queue.add(*((f"T{n}", 1) for n in range(60)), now=utc_now())

        async def opened() -> object:
            return (
                await delivery_queue.rows("SELECT 1 FROM delivery_targets WHERE failures >= 10")
                and not target.under_way
            )

        await eventually(opened)
        at_first, began = target.calls, asyncio.get_running_loop().time()
        await asyncio.sleep(3.2)
        probes, passed = target.calls - at_first, asyncio.get_running_loop().time() - began
        assert probes <= passed / probe_every.total_seconds() + 1
        # Ten failures, and what the other worker has under way: at most 8 calls.
        assert at_first <= 18
        assert {(one.rule, one.about) for one in target.found} == {(RuleName.BREAKER_OPEN, ERP)}
        down = False
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, [(f"T{n}", 1) for n in range(60)])
    assert await delivery_queue.rows("SELECT count(*) FROM letters") == [(0,)]


async def test_delivery_worker_a_paused_target_is_called_no_more_until_it_is_resumed(
    delivery_queue: DeliveryQueue,
) -> None:
    target = Scripted()
    await target_state.begin(delivery_queue.pool, ERP)
    async with delivery_workers(delivery_queue.pool, target):
        await in_transaction(delivery_queue.pool, target_state.pause, ERP, by="张工", why="盘点 / stocktaking")
        await delivery_queue.add(*EVENTS, now=utc_now())
        await asyncio.sleep(0.5)
        assert target.calls == 0
        assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="张工")
        await eventually(lambda: settled(delivery_queue))
    await delivered(delivery_queue, target, EVENTS)


async def test_delivery_worker_one_target_that_hangs_holds_up_no_other(delivery_queue: DeliveryQueue) -> None:
    released = asyncio.Event()

    async def hang(_call: Call) -> None:
        await released.wait()

    slow, quick = Scripted(before=hang), Scripted()
    async with (
        delivery_workers(delivery_queue.pool, slow, name="erp", attempt_timeout=timedelta(minutes=10)),
        delivery_workers(delivery_queue.pool, quick, name="crm"),
    ):
        await delivery_queue.add(*EVENTS, target="erp", now=utc_now())
        await delivery_queue.add(*EVENTS, target="crm", now=utc_now())

        async def quick_done() -> bool:
            return len(quick.order) == len(EVENTS)

        await eventually(quick_done)
        assert slow.under_way == slow.calls > 0
        released.set()


async def test_delivery_worker_the_rate_is_held(delivery_queue: DeliveryQueue) -> None:
    target = Scripted()
    loop = asyncio.get_running_loop()
    async with delivery_workers(delivery_queue.pool, target, rate_per_s=20):
        await delivery_queue.add(*((f"T{n}", 1) for n in range(40)), now=utc_now())
        began = loop.time()
        await eventually(lambda: settled(delivery_queue))
        took = loop.time() - began
    assert took >= (40 - 2) / 20 * 0.95


async def test_delivery_worker_a_target_that_nobody_knows_is_neither_paused_nor_resumed_and_the_nearest_is_named(
    delivery_queue: DeliveryQueue,
) -> None:
    await target_state.begin(delivery_queue.pool, ERP)
    for order in (
        in_transaction(delivery_queue.pool, target_state.pause, "erpp", by="张工", why="盘点"),
        in_transaction(delivery_queue.pool, target_state.resume, "erpp", utc_now(), by="张工"),
    ):
        with pytest.raises(target_state.NoSuchTarget, match="did you mean erp"):
            await order
    assert await delivery_queue.rows("SELECT target, paused FROM delivery_targets") == [(ERP, None)]


async def test_delivery_worker_whose_lease_ran_out_while_a_store_was_away_does_not_call_beside_another(
    delivery_queue: DeliveryQueue,
) -> None:
    late, registry, released, stopping = timedelta(0), asyncio.Event(), asyncio.Event(), asyncio.Event()
    claimed = asyncio.Event()

    async def away(_values: Iterable[bytes | None]) -> None:
        claimed.set()
        await registry.wait()

    async def hang(_call: Call) -> None:
        await released.wait()

    target = Scripted(before=hang)
    first, second = (delivery_worker(delivery_queue.pool, target) for _ in range(2))
    for worker in (first, second):
        worker.now = lambda: utc_now() + late
        worker.caller = replace(worker.caller, now=worker.now)
    first.caller = replace(first.caller, know=away)
    await delivery_queue.add(("T0", 1), now=utc_now())
    running = [asyncio.create_task(first.run(stopping))]
    async with asyncio.timeout(60):
        await claimed.wait()
        late = timedelta(minutes=5)  # the first one's lease is over
        running.append(asyncio.create_task(second.run(stopping)))
        await eventually(lambda: under_way(target))
        with capture_logs() as logs:
            registry.set()
            await eventually(lambda: left(logs))
        assert (target.calls, target.under_way) == (1, 1)
        released.set()
        await eventually(lambda: settled(delivery_queue))
        stopping.set()
        await asyncio.gather(*running)
    await delivered(delivery_queue, target, [("T0", 1)])


async def under_way(target: Scripted) -> bool:
    """Say whether a call is."""
    return target.under_way > 0


async def left(logs: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a delivery was left to another worker."""
    return any(one["event"] == "delivery_left" for one in logs)


async def test_delivery_worker_that_failed_with_calls_under_way_runs_again(delivery_queue: DeliveryQueue) -> None:
    under_way, stopping = asyncio.Event(), asyncio.Event()

    async def hang_or_refuse(call: Call) -> None:
        if call.event.ticket_id == "T0":
            raise DeliveryFailed(FailureKind.REJECTED, "no")
        under_way.set()
        await asyncio.sleep(3600)

    async def broken(*_: object) -> None:
        await under_way.wait()
        raise InvariantBroken("row 7")

    worker = delivery_worker(delivery_queue.pool, Scripted(before=hang_or_refuse), attempt_timeout=timedelta(minutes=1))
    parks, worker.park = worker.park, broken
    await delivery_queue.add(("T0", 1), ("T1", 1), now=utc_now())
    async with asyncio.timeout(60):
        with pytest.raises(InvariantBroken):
            await worker.run(stopping)
        worker.park = parks
        stopping.set()
        await worker.run(stopping)
    assert await delivery_queue.rows("SELECT ticket_id FROM letters") == [("T0",)]
