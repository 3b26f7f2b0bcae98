"""The queue of deliveries: in order per ticket, nobody holds up another, each row called by one worker (R37)."""

import asyncio
from datetime import timedelta

from bus.delivery.queue import FRESH, NewDelivery, add
from bus.domain.delivery_state import FAILURES_KEPT
from bus.domain.terms import TicketId
from bus.domain.values import PLAIN_TRACE, CallerTrace
from bus.postgres.pool import connected
from tests.delivery.deliveries import ERP, LEASE, NOW, DeliveryQueue, places, ticket

SECOND = timedelta(seconds=1)


async def test_queue_a_tickets_events_are_claimed_one_after_the_other(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1), ("A", 2), ("A", 3), ("B", 5))
    first = await delivery_queue.claim()
    assert sorted(places(first)) == [("A", 1), ("B", 5)]
    assert await delivery_queue.claim() == [], "what is claimed is nobody else's"
    assert await delivery_queue.done(*first) == {"A", "B"}
    (second,) = await delivery_queue.claim()
    assert places([second]) == [("A", 2)]
    await delivery_queue.done(second)
    assert places(await delivery_queue.claim()) == [("A", 3)]


async def test_queue_a_claim_has_what_came_beside_its_ticket_s_trace(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1), ("B", 1))
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("INSERT INTO ticket_states VALUES ('A', 1, '', '{}', false, 'a=1')")
    claims = {one.ticket_id: one.caller_trace for one in await delivery_queue.claim()}
    assert claims == {"A": CallerTrace(sampled=False, tracestate="a=1"), "B": PLAIN_TRACE}


async def test_queue_targets_do_not_meet(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1))
    await delivery_queue.add(("A", 1), ("A", 2), target="crm")
    (erp,) = await delivery_queue.claim()
    (crm,) = await delivery_queue.claim(target="crm")
    await delivery_queue.done(crm, target="crm")
    assert places(await delivery_queue.claim(target="crm")) == [("A", 2)]
    assert await delivery_queue.done(erp) == {"A"}


async def test_queue_an_event_told_again_is_not_delivered_again(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1), ("A", 2))
    await delivery_queue.add(("A", 1), ("A", 2))
    for version in (1, 2):
        (claim,) = await delivery_queue.claim()
        assert claim.version == version
        await delivery_queue.done(claim)
    await delivery_queue.add(("A", 1), ("A", 2))
    assert await delivery_queue.claim() == []
    assert await delivery_queue.rows("SELECT state, reference FROM deliveries ORDER BY version") == [
        ("done", "A/1"),
        ("done", "A/2"),
    ]


async def test_queue_a_claim_whose_worker_died_is_claimed_again_and_unsure(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1))
    (dead,) = await delivery_queue.claim()
    assert (dead.attempt, dead.unsure) == (1, False)
    assert await delivery_queue.claim(now=NOW + LEASE - SECOND) == []
    (heir,) = await delivery_queue.claim(now=NOW + LEASE)
    assert (heir.attempt, heir.unsure) == (2, True)
    assert await delivery_queue.done(dead) == set(), "it was slower than its lease"
    assert await delivery_queue.done(heir) == {"A"}


async def test_queue_what_failed_waits_until_its_time_and_holds_up_its_own_ticket_alone(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.add(("A", 1), ("A", 2), ("B", 1))
    a, b = sorted(await delivery_queue.claim(), key=lambda one: one.ticket_id)
    await delivery_queue.done(b)
    await delivery_queue.failed(a, NOW + 7 * SECOND)
    await delivery_queue.add(("A", 3), ("B", 2), now=NOW + SECOND)
    assert places(await delivery_queue.claim(now=NOW + 6 * SECOND)) == [("B", 2)]
    (again,) = await delivery_queue.claim(now=NOW + 7 * SECOND)
    assert (again.version, again.attempt, again.unsure) == (1, 2, False)


async def test_queue_what_follows_a_parked_delivery_waits(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1), ("A", 2), ("B", 1))
    a, b = sorted(await delivery_queue.claim(), key=lambda one: one.ticket_id)
    await delivery_queue.done(b)
    await delivery_queue.failed(a, parked=True)
    await delivery_queue.add(("A", 3), ("B", 2))
    assert places(await delivery_queue.claim(now=NOW + timedelta(days=9))) == [("B", 2)]


async def test_queue_the_first_failure_and_the_last_ones_are_kept(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("A", 1))
    for number in range(FAILURES_KEPT + 3):
        (claim,) = await delivery_queue.claim()
        await delivery_queue.failed(claim, failure={"number": number})
    ((failures,),) = await delivery_queue.rows("SELECT failures FROM delivery_heads")
    assert [one["number"] for one in failures] == [0, *range(4, FAILURES_KEPT + 3)]


async def test_queue_what_came_just_now_goes_before_the_backlog_which_still_moves(
    delivery_queue: DeliveryQueue,
) -> None:
    old, new = [(ticket(), 1) for _ in range(50)], [(ticket(), 1) for _ in range(50)]
    later = NOW + FRESH + SECOND
    await delivery_queue.add(*old)
    await delivery_queue.add(*new, now=later)
    claimed = places(await delivery_queue.claim(20, now=later))
    assert len(set(claimed) & set(new)) == 15
    assert len(set(claimed) & set(old)) == 5


async def test_queue_a_claim_of_one_is_now_and_then_for_what_waits(delivery_queue: DeliveryQueue) -> None:
    old, new = [(ticket(), 1) for _ in range(8)], [(ticket(), 1) for _ in range(8)]
    later = NOW + FRESH + SECOND
    await delivery_queue.add(*old)
    await delivery_queue.add(*new, now=later)
    claimed = [places(await delivery_queue.claim(1, now=later, chance=chance)) for chance in (0.0, 0.5, 0.74, 0.75)]
    assert [one in new for (one,) in claimed] == [True, True, True, False]


async def test_queue_without_a_backlog_what_came_just_now_has_the_whole_claim(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(*((ticket(), 1) for _ in range(8)))
    assert len(await delivery_queue.claim(4)) == 4


async def test_queue_a_ticket_worked_on_now_takes_its_backlog_along(delivery_queue: DeliveryQueue) -> None:
    old = [(ticket(), 1) for _ in range(50)]
    later = NOW + FRESH + SECOND
    await delivery_queue.add(*old)
    busy = old[40][0]
    await delivery_queue.add((busy, 2), now=later)
    assert (busy, 1) in places(await delivery_queue.claim(4, now=later))


async def test_queue_workers_and_the_stage_in_each_others_way_lose_and_repeat_nothing(
    delivery_queue: DeliveryQueue,
) -> None:
    """A head that is settled while its ticket's next event arrives: neither may miss the other."""
    tickets, versions = [f"R{n}" for n in range(4)], 40
    delivered = dict[str, list[int]]()
    added = asyncio.Event()

    async def stage() -> None:
        for version in range(1, versions + 1):
            await delivery_queue.add(*((one, version) for one in tickets))
        added.set()

    async def worker() -> None:
        while True:
            over = added.is_set()
            claims = await delivery_queue.claim(3)
            for one in claims:
                delivered.setdefault(one.ticket_id, []).append(one.version)
            assert await delivery_queue.done(*claims) == {one.ticket_id for one in claims}
            if over and not claims and not await delivery_queue.rows("SELECT 1 FROM delivery_heads"):
                return

    async with asyncio.timeout(60):
        await asyncio.gather(stage(), worker(), worker(), worker())
    assert delivered == {one: list(range(1, versions + 1)) for one in tickets}


async def test_queue_an_event_that_postgresql_does_not_hold_takes_nobodys_place(delivery_queue: DeliveryQueue) -> None:
    async with connected(delivery_queue.pool) as connection:
        some = [NewDelivery(target=ERP, ticket_id=TicketId(f"X{n}"), version=1) for n in range(20)]
        await add(connection, some, NOW)
    await delivery_queue.add(("A", 1))
    assert places(await delivery_queue.claim(4)) == [("A", 1)]
    assert await delivery_queue.rows("SELECT ticket_id FROM deliveries") == [("A",)]


async def test_queue_a_backlog_that_moves_is_no_news(delivery_queue: DeliveryQueue) -> None:
    waits, fresh = ticket(), ticket()
    await delivery_queue.add((waits, 1), (waits, 2), now=NOW - timedelta(minutes=1))
    claims = await delivery_queue.claim(1)
    await delivery_queue.add((fresh, 1), now=NOW - timedelta(seconds=1))
    await delivery_queue.done(*claims)
    assert places(await delivery_queue.claim(1)) == [(fresh, 1)]
