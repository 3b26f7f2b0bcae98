"""Too many letters pause a target: 100 in a row, or more than 20 % of the last 500 (R38)."""

import asyncio

from bus.alerts.rule_names import RuleName
from bus.delivery import target_state
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.intake.dead_letter_limit import IN_A_ROW, LAST, above_limit
from bus.postgres.pool import in_transaction
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now


def test_dead_letter_limit_a_hundred_in_a_row_are_too_much() -> None:
    assert above_limit([True] * (IN_A_ROW - 1)) is None
    assert above_limit([False, *[True] * IN_A_ROW])
    assert above_limit([*[True] * IN_A_ROW, False]) is None


def test_dead_letter_limit_more_than_a_fifth_of_the_last_five_hundred_are_too_much() -> None:
    some = [n % 5 == 0 for n in range(LAST)]
    assert above_limit(some) is None
    assert above_limit([*some[:-1], True])
    assert above_limit([*some[1:-1], True]) is None, "fewer than that tell nothing of a share"


async def test_dead_letter_limit_a_target_that_takes_nothing_any_more_is_paused_and_people_resume_it(
    delivery_queue: DeliveryQueue,
) -> None:
    async def reject(_call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "the period is closed")

    events = [(f"F{n:03}", 1) for n in range(200)]

    async def paused() -> object:
        return await delivery_queue.rows("SELECT 1 FROM delivery_targets WHERE paused LIKE '%letters in a row'")

    target = Scripted(before=reject)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(*events, now=utc_now())
        await eventually(paused)
        calls = target.calls
        await asyncio.sleep(0.5)
        assert target.calls <= calls + 8
        assert IN_A_ROW <= target.calls < 130
        assert [one.about for one in target.found if one.rule is RuleName.TARGET_PAUSED] == [ERP]
    left = Scripted()
    async with delivery_workers(delivery_queue.pool, left):
        await asyncio.sleep(0.3)
        assert left.calls == 0, "a new start does not lift it"
        assert await in_transaction(delivery_queue.pool, target_state.resume, ERP, utc_now(), by="张工")

        async def rest_delivered() -> bool:
            return len(left.order) == len(events) - target.calls

        await eventually(rest_delivered)
