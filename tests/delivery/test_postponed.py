"""What a target postpones waits for its time with all that follows it, and is no failure of anybody's."""

from collections.abc import Sequence
from datetime import timedelta

from bus.delivery.due import PostponedClaim, postpone
from bus.delivery.status import target_statuses
from bus.delivery.target import Call, DeliveryFailed, DeliveryPostponed, FailureKind
from bus.domain.text import Text
from bus.postgres.pool import connected
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, NOW, DeliveryQueue, places
from tests.delivery.scripted import Scripted, delivery_workers, utc_now

QUIET = Text("免打扰时段", "quiet hours")
HEADS = "SELECT attempts, failures, unsure, first_tried_at, postponed IS NULL FROM delivery_heads"


async def test_postponed_deliveries_wait_in_order_and_count_no_attempt(delivery_queue: DeliveryQueue) -> None:
    seen, until = list[Call](), utc_now() + timedelta(seconds=0.6)

    async def at_night(call: Call) -> None:
        seen.append(call)
        if utc_now() < until:
            raise DeliveryPostponed(until, QUIET)

    async def waits() -> bool:
        (status,) = await target_statuses(delivery_queue.pool)
        return (status.postponed, status.postponed_until, status.failing, status.oldest_at) == (1, until, 0, None)

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads")

    target = Scripted(before=at_night)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(("T1", 1), ("T1", 2), now=utc_now())
        await eventually(waits)
        assert await delivery_queue.rows(HEADS) == [(0, [], False, None, False)]
        await eventually(settled)
    assert target.order == [("T1", 1), ("T1", 2)]
    assert [one.attempt for one in seen] == [1] * len(seen)
    assert len(seen) == 3, "once before its time, once at it, and the next one"
    assert await delivery_queue.rows("SELECT failures, not_before FROM delivery_targets") == [(0, None)]
    assert target.found == [], "no alert"


async def test_postponed_what_may_have_been_sent_stays_so(delivery_queue: DeliveryQueue) -> None:
    seen = list[Call]()

    async def at_night(call: Call) -> None:
        seen.append(call)
        if len(seen) == 2:
            raise DeliveryPostponed(utc_now() + timedelta(seconds=0.2), QUIET)

    async def lost(_call: Call) -> None:
        if len(seen) == 1:
            raise DeliveryFailed(FailureKind.UNKNOWN, "no answer")

    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads")

    target = Scripted(idempotent=True, before=at_night, after=lost)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(("T1", 1), now=utc_now())
        await eventually(settled)
    assert [one.attempt for one in seen] == [1, 2, 2]
    assert seen[0].unsure_since is None
    assert seen[2].unsure_since is not None
    assert seen[1].unsure_since == seen[2].unsure_since


async def test_postponed_a_worker_whose_lease_is_over_postpones_nothing(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("T1", 1))
    (slow,) = await delivery_queue.claim()
    (_held,) = await delivery_queue.claim(now=NOW + timedelta(minutes=1))
    await _postpone(delivery_queue, [PostponedClaim(claim=slow, until=NOW, unsure=False, why="quiet")])
    assert await delivery_queue.rows("SELECT attempts, postponed FROM delivery_heads") == [(2, None)]


async def test_postponed_a_claim_that_is_due_is_postponed_no_more(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("T1", 1))
    (claimed,) = await delivery_queue.claim()
    until = NOW + timedelta(hours=8)
    await _postpone(delivery_queue, [PostponedClaim(claim=claimed, until=until, unsure=False, why="quiet")])
    assert await delivery_queue.claim(now=until - timedelta(seconds=1)) == []
    assert places(await delivery_queue.claim(now=until)) == [("T1", 1)]
    assert await delivery_queue.rows("SELECT postponed FROM delivery_heads") == [(None,)]


async def _postpone(delivery_queue: DeliveryQueue, some: Sequence[PostponedClaim]) -> None:
    async with connected(delivery_queue.pool) as connection:
        await postpone(connection, ERP, some)
