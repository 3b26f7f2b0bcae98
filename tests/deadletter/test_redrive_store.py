"""Redrives on a real database: a frozen set, each letter sent once, whoever is killed or comes in between (R38)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bus.alerts.log_sink import log_alert
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.postgres.pool import in_transaction
from deadletter import redrive_store
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import DeadLetterQuery, NothingMatches, Redrive, RedriveGone, freeze
from deadletter.redrive_worker import carry_out_running
from deadletter.store import discard, groups
from tests.bus_under_test import eventually
from tests.deadletter.test_store import DECISION, deliver, letter_of, rejecting
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.schemas.codecs import CODEC

TERMS = RedriveLimits(canary=3, watch=timedelta(seconds=0.2), rate_per_s=200)
ERP = DeadLetterQuery(target="erp")


async def letters(delivery_queue: DeliveryQueue, count: int) -> list[tuple[str, int]]:
    """Let so many tickets have a letter at their first event, a second event behind it; gives all the events."""
    events = [(f"R{n:03}", version) for n in range(count) for version in (1, 2)]
    await delivery_queue.clear()
    await rejecting(delivery_queue, *events, parked=count)
    return events


async def carried_out(delivery_queue: DeliveryQueue, number: int, target: Scripted) -> Redrive:
    """Carry a redrive out while couriers run."""
    async with delivery_workers(delivery_queue.pool, target, 2):
        return await whole(delivery_queue, number)


async def whole(delivery_queue: DeliveryQueue, number: int) -> Redrive:
    """Begin a redrive, and carry it out to its end."""
    await in_transaction(delivery_queue.pool, redrive_store.begin, number)

    async def over() -> Redrive | None:
        one = await in_transaction(delivery_queue.pool, redrive_store.read, number)
        return one if one.state != "running" else None

    async with carrying_out(delivery_queue):
        ended = await eventually(over, within_s=120, what=f"the end of redrive {number}")
    assert ended is not None
    return ended


@asynccontextmanager
async def carrying_out(delivery_queue: DeliveryQueue) -> AsyncIterator[None]:
    """Carry out what was begun, as a worker does, until it is killed."""
    task = asyncio.create_task(carry_out_running(delivery_queue.pool, utc_now, CODEC.encode_record, log_alert))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def released(delivery_queue: DeliveryQueue, number: int, count: int) -> None:
    """KeepWatching until so many letters of a redrive are sent."""

    async def there() -> bool:
        return (await in_transaction(delivery_queue.pool, redrive_store.read, number)).released >= count

    await eventually(there, within_s=120, what=f"{count} released")


def once_in_order(target: Scripted, events: Sequence[tuple[str, int]]) -> bool:
    """Say whether each event had one effect, in order per ticket."""
    firsts = {ticket: target.order.index((ticket, 1)) for ticket, version in target.order if version == 2}
    ordered = all(at < target.order.index((ticket, 2)) for ticket, at in firsts.items())
    return sorted(target.order) == sorted(events) and set(target.ledger.values()) == {1} and ordered


async def test_redrive_store_a_set_is_sent_once_and_in_order(delivery_queue: DeliveryQueue) -> None:
    events = await letters(delivery_queue, 40)
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    assert (frozen.letters, frozen.events) == (40, {"NoteAdded": 40})
    target = Scripted()
    ended = await carried_out(delivery_queue, frozen.id, target)
    assert (ended.state, ended.ended_why) == ("done", "40 arrived, 0 failed again")
    await deliver(delivery_queue, target)
    assert once_in_order(target, events)
    assert await groups(delivery_queue.pool) == []
    with pytest.raises(RedriveGone):
        await in_transaction(delivery_queue.pool, redrive_store.begin, frozen.id)


async def test_redrive_store_it_stops_when_the_first_fail_and_has_sent_no_other(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 20)
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)

    async def reject(_call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "still no such material")

    target = Scripted(before=reject)
    ended = await carried_out(delivery_queue, frozen.id, target)
    assert ended.state == "stopped"
    assert target.calls == TERMS.canary
    (one,) = await redrive_store.redrives(delivery_queue.pool)
    assert (one.state, one.released, one.failed) == ("stopped", 3, 3)


async def test_redrive_store_killed_in_the_middle_it_goes_on_and_sends_no_letter_twice(
    delivery_queue: DeliveryQueue,
) -> None:
    events = await letters(delivery_queue, 30)
    frozen = await in_transaction(
        delivery_queue.pool,
        freeze,
        ERP,
        RedriveLimits(canary=3, watch=timedelta(0), rate_per_s=40),
        DECISION,
        CODEC.encode_record,
    )
    target = Scripted()
    async with delivery_workers(delivery_queue.pool, target, 2):
        await in_transaction(delivery_queue.pool, redrive_store.begin, frozen.id)
        for count in (3, 8, 13, 18):
            async with carrying_out(delivery_queue):
                await released(delivery_queue, frozen.id, count)
        assert (await whole(delivery_queue, frozen.id)).state == "done"
    await deliver(delivery_queue, target)
    assert once_in_order(target, events)


async def test_redrive_store_what_came_after_the_freeze_is_not_touched(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 4)
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    await rejecting(delivery_queue, ("RX", 1), parked=5)
    target = Scripted()
    assert (await carried_out(delivery_queue, frozen.id, target)).state == "done"
    assert ("RX", 1) not in target.order
    assert await letter_of(delivery_queue, "RX")


async def test_redrive_store_a_letter_dealt_with_by_hand_meanwhile_is_left_alone(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 4)
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    await in_transaction(
        delivery_queue.pool, discard, [await letter_of(delivery_queue, "R001")], DECISION, CODEC.encode_record
    )
    target = Scripted()
    assert (await carried_out(delivery_queue, frozen.id, target)).ended_why == "3 arrived, 0 failed again"
    assert ("R001", 1) not in target.order


async def test_redrive_store_two_people_cannot_redrive_one_set(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 4)
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    with pytest.raises(NothingMatches, match="4 in another redrive"):
        await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    assert await in_transaction(
        delivery_queue.pool, redrive_store.end, frozen.id, done=False, why="given up", now=utc_now()
    )
    assert not await in_transaction(
        delivery_queue.pool, redrive_store.end, frozen.id, done=False, why="again", now=utc_now()
    )
    assert (await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)).letters == 4


async def test_redrive_store_a_query_that_matches_nothing_freezes_nothing(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 2)
    for query in (
        DeadLetterQuery(target="crm"),
        DeadLetterQuery(target="erp", kind="unknown"),
        DeadLetterQuery(target="erp", event="TicketOpened"),
    ):
        with pytest.raises(NothingMatches):
            await in_transaction(delivery_queue.pool, freeze, query, TERMS, DECISION, CODEC.encode_record)
    assert await delivery_queue.rows("SELECT count(*) FROM redrives") == [(0,)]


async def test_redrive_store_a_letter_sent_again_too_often_is_left_out(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 1)
    for _ in range(redrive_store.SENT_AGAIN_MAX):
        await refused_redrive(delivery_queue)
    with pytest.raises(NothingMatches, match="1 sent again 5 times"):
        await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)


async def _reject(_call: Call) -> None:
    raise DeliveryFailed(FailureKind.REJECTED, "no such material")


async def refused_redrive(delivery_queue: DeliveryQueue) -> int:
    """Run a redrive whose letters are all rejected again, until it is stopped; gives its number."""
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    async with delivery_workers(delivery_queue.pool, Scripted(before=_reject)):
        assert (await whole(delivery_queue, frozen.id)).state == "stopped"
    return frozen.id


async def test_redrive_store_a_letter_that_failed_again_and_was_let_go_has_not_arrived(
    delivery_queue: DeliveryQueue,
) -> None:
    await letters(delivery_queue, 4)
    number = await refused_redrive(delivery_queue)
    await in_transaction(
        delivery_queue.pool, discard, [await letter_of(delivery_queue, "R000")], DECISION, CODEC.encode_record
    )
    one = await in_transaction(delivery_queue.pool, redrive_store.read, number)
    assert (one.released, one.delivered, one.failed) == (3, 0, 3)


async def test_redrive_store_what_arrives_by_another_redrive_has_not_arrived_by_the_first(
    delivery_queue: DeliveryQueue,
) -> None:
    await letters(delivery_queue, 2)
    await refused_redrive(delivery_queue)
    second = await in_transaction(delivery_queue.pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record)
    assert (await carried_out(delivery_queue, second.id, Scripted())).state == "done"
    told = [(one.delivered, one.failed) for one in await redrive_store.redrives(delivery_queue.pool)]
    assert told == [(0, 2), (2, 0)]
