"""The status of targets: what waits and what lies as letters, until when and why none is called, and what ends that."""

import asyncio
from datetime import timedelta

from bus.cli.delivery import status_line
from bus.delivery import target_state
from bus.delivery.status import TargetStatus, target_statuses
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.terms import TicketId
from bus.journey import probes
from bus.postgres.pool import connected, in_transaction
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, NOW, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now

HOUR_S = 3600.0


async def status(delivery_queue: DeliveryQueue) -> TargetStatus:
    """Give the status of the one target that there is."""
    (found,) = await target_statuses(delivery_queue.pool)
    return found


async def test_status_waiting_does_not_count_letters_and_counts_what_is_behind_them(
    delivery_queue: DeliveryQueue,
) -> None:
    await target_state.begin(delivery_queue.pool, ERP)
    await delivery_queue.add(("T1", 1), ("T2", 1))
    for claim in await delivery_queue.claim():
        await delivery_queue.failed(claim, parked=True)
    found = await status(delivery_queue)
    assert (found.waiting, found.parked, found.oldest_at) == (0, 2, None)
    await delivery_queue.add(("T1", 2), ("T1", 3), ("T3", 1), now=NOW + timedelta(minutes=5))
    found = await status(delivery_queue)
    assert (found.waiting, found.parked, found.oldest_at) == (3, 2, NOW + timedelta(minutes=5))


async def test_status_failing_is_what_has_failed_and_no_first_attempt_under_way_and_no_letter(
    delivery_queue: DeliveryQueue,
) -> None:
    await target_state.begin(delivery_queue.pool, ERP)
    await delivery_queue.add(("T1", 1), ("T2", 1), ("T3", 1))
    claims = {claim.ticket_id: claim for claim in await delivery_queue.claim()}
    found = await status(delivery_queue)
    assert (found.failing, found.attempts) == (0, 0)
    await delivery_queue.failed(claims[TicketId("T1")], at=NOW)
    await delivery_queue.failed(claims[TicketId("T2")], parked=True)
    found = await status(delivery_queue)
    assert (found.failing, found.attempts, found.parked) == (1, 1, 1)
    assert len(await delivery_queue.claim()) == 1, "it is tried again, and has still failed"
    found = await status(delivery_queue)
    assert (found.failing, found.attempts) == (1, 2)


async def test_status_tells_of_the_wait_that_a_target_asked_for_and_resume_ends_it_for_its_rows_too(
    delivery_queue: DeliveryQueue,
) -> None:
    throttles = True

    async def throttle(_call: Call) -> None:
        if throttles:
            raise DeliveryFailed(FailureKind.THROTTLED, "429", status=429, retry_after_s=HOUR_S)

    target = Scripted(before=throttle)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(("T1", 1), ("T2", 1), now=utc_now())

        async def held() -> bool:
            found = await status(delivery_queue)
            return found.asked_wait and found.failing == 2 and not target.under_way

        await eventually(held)
        found = await status(delivery_queue)
        assert found.not_before
        assert found.not_before - utc_now() > timedelta(minutes=50)
        assert f"对方要求等待 it asked for a wait, 至 until {found.not_before:%m-%d %H:%M}" in status_line(
            found, utc_now()
        )
        throttles, calls = False, target.calls
        assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="张工")

        async def delivered() -> bool:
            return not await delivery_queue.rows("SELECT 1 FROM delivery_heads")

        await eventually(delivered)
        assert target.calls == calls + 2
        found = await status(delivery_queue)
        assert (found.waiting, found.failures, found.asked_wait) == (0, 0, False)
        assert not await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="张工")


async def test_status_resume_lets_what_waits_for_its_next_attempt_be_due_though_nothing_held_the_target(
    delivery_queue: DeliveryQueue,
) -> None:
    await target_state.begin(delivery_queue.pool, ERP)
    await delivery_queue.add(("T1", 1))
    (claim,) = await delivery_queue.claim()
    await delivery_queue.failed(claim, at=NOW + timedelta(minutes=5))
    assert await delivery_queue.claim() == []
    assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, NOW, by="张工")
    (claim,) = await delivery_queue.claim()
    await delivery_queue.done(claim)
    assert not await in_transaction(delivery_queue.pool, target_state.resume, ERP, NOW, by="张工")


async def test_status_resume_leaves_alone_what_a_call_is_under_way_for(delivery_queue: DeliveryQueue) -> None:
    released = asyncio.Event()

    async def hang(_call: Call) -> None:
        await released.wait()

    target = Scripted(before=hang)
    await target_state.begin(delivery_queue.pool, ERP)
    async with delivery_workers(delivery_queue.pool, target, 2, attempt_timeout=timedelta(minutes=10)):
        await delivery_queue.add(("T1", 1), now=utc_now())

        async def called() -> bool:
            return target.under_way == 1

        await eventually(called)
        await in_transaction(delivery_queue.pool, target_state.pause, ERP, by="张工", why="盘点")
        (held,) = await target_statuses(delivery_queue.pool)
        assert (held.paused, held.paused_by, held.resumed_by) == ("张工: 盘点", "张工", "")
        assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="李工")
        (held,) = await target_statuses(delivery_queue.pool)
        assert (held.paused, held.paused_by, held.resumed_by) == (None, "", "李工")
        await delivery_queue.add(("T2", 1), now=utc_now())

        async def both() -> bool:
            return target.under_way == 2

        await eventually(both)
        assert target.calls == 2
        released.set()


def test_status_line_says_until_when_and_why_nothing_is_called() -> None:
    held = TargetStatus(
        target=ERP, waiting=3, parked=0, failing=1, attempts=10, overdue=0, oldest_at=NOW, paused=None,
        paused_by="", resumed_at=None, resumed_by="", failures=10,
        not_before=NOW + timedelta(seconds=5), asked_wait=False, undeclared_at=None, last_failure=None,
    )  # fmt: skip
    assert "已熔断 breaker open, 下次探测 next probe 11-22 08:00:05" in status_line(held, NOW)
    assert "breaker open" in status_line(held, NOW + timedelta(seconds=5)), "a probe alone goes there"


async def test_status_a_probe_that_was_never_sent_is_not_home(delivery_queue: DeliveryQueue) -> None:
    await target_state.begin(delivery_queue.pool, ERP)
    due, every = timedelta(0), timedelta(minutes=5)
    async with connected(delivery_queue.pool) as connection:
        assert await probes.take_turn(connection, ERP, every, every) is None, "it is due after one interval"
    found = await status(delivery_queue)
    assert found.probed_at is None
    assert "probe home" not in status_line(found, NOW)
    async with connected(delivery_queue.pool) as connection:
        sent_at = await probes.take_turn(connection, ERP, due, every)
        assert sent_at is not None
    assert "probe home" not in status_line(await status(delivery_queue), NOW), "it is under way"
    async with connected(delivery_queue.pool) as connection:
        await probes.note_home(connection, ERP, sent_at)
    found = await status(delivery_queue)
    assert found.probed_at == sent_at
    assert "probe home" in status_line(found, NOW)
