"""What is remembered of persons, in memory and in PostgreSQL alike: refusals, limits, and no address in clear."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bus.delivery.recipients import (
    KEPT,
    Recipients,
    RecipientsInMemory,
    SendLimit,
    StoredRecipients,
    forget_refusals,
    list_refusals,
)
from bus.postgres.pool import connected
from tests.databases import KEYS
from tests.delivery.deliveries import NOW, DeliveryQueue

MINUTE = SendLimit(most=2, within=timedelta(minutes=1))
DAY = SendLimit(most=3, within=timedelta(days=1))


@pytest.fixture(params=["memory", "stored"])
async def recipients(request: pytest.FixtureRequest, delivery_queue: DeliveryQueue) -> Recipients:
    """Begin with nothing remembered."""
    if request.param == "memory":
        return RecipientsInMemory()
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("TRUNCATE notice_refusals, notice_sends")
    return StoredRecipients(target="wechat", pool=delivery_queue.pool, digest=KEYS.lookup)


async def test_recipients_a_refusal_is_of_one_person_and_kind(recipients: Recipients) -> None:
    for _again in range(2):
        await recipients.remember_refusal("oLi", "TPL-1", "43101", NOW)
    asked = [("oLi", "TPL-1"), ("oLi", "TPL-2"), ("oWang", "TPL-1")]
    assert [await recipients.refused(*one) for one in asked] == [True, False, False]


async def test_recipients_limits_count_each_call_once_and_say_when_there_is_room(recipients: Recipients) -> None:
    async def sent(call: str, minutes: float, limits: Sequence[SendLimit] = (MINUTE, DAY)) -> float | None:
        at = NOW + timedelta(minutes=minutes)
        until = await recipients.free_at("oLi", call, limits, at)
        return None if until is None else (until - at).total_seconds()

    assert [await sent(call, minutes) for call, minutes in (("a", 0), ("b", 0.5), ("b", 0.5), ("a", 0.6))] == [None] * 4
    assert await sent("c", 0.75) == 15
    assert await sent("c", 1) is None
    assert await sent("d", 3) == 24 * 3600 - 180
    assert await sent("d", 24 * 60) is None
    assert await recipients.free_at("oWang", "e", (MINUTE, DAY), NOW) is None
    assert DAY.within <= KEPT


async def test_recipients_are_listed_and_forgotten_without_an_address(delivery_queue: DeliveryQueue) -> None:
    pool = delivery_queue.pool
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE notice_refusals")
    for target, person in (("wechat", "oLiNvShi"), ("wechat", "oWang"), ("other", "oLiNvShi")):
        stored = StoredRecipients(target=target, pool=pool, digest=KEYS.lookup)
        await stored.remember_refusal(person, "TPL-1", "43101", NOW)
    listed = await list_refusals(pool)
    assert [one.target for one in listed] == ["other", "wechat", "wechat"]
    assert len({one.person for one in listed}) == 3, "one person is not the same at two targets"
    assert "oLiNvShi" not in str(await delivery_queue.rows("SELECT * FROM notice_refusals"))
    assert await forget_refusals(pool, "wechat", listed[1].person) == 1
    assert await forget_refusals(pool, "wechat", listed[1].person) == 0
    assert await forget_refusals(pool, "wechat") == 1
    assert [one.target for one in await list_refusals(pool)] == ["other"]
