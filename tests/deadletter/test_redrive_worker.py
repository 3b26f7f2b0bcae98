"""Redrives by workers: one carries a set out, at its rate, and another goes on where it was killed (R38)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import pytest

from bus.alerts.alert import Alert
from bus.alerts.rule_names import RuleName
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.postgres.pool import in_transaction, open_pool
from bus.wire.dead_letters import FrozenSet
from deadletter import redrive_store
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import BURST_S, NothingMatches, RedriveGone, SecondPersonNeeded, freeze
from deadletter.redrive_worker import carry_out_running, watch
from tests.bus_under_test import eventually
from tests.deadletter.letters import DECISION
from tests.deadletter.test_redrive_store import ERP, TERMS, carried_out, letters, once_in_order, released
from tests.deadletter.test_store import deliver, rejecting
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.schemas.codecs import CODEC

AT_ONCE = timedelta(0)


@asynccontextmanager
async def worker(database: str, found: list[Alert] | None = None) -> AsyncIterator[asyncio.Task[None]]:
    """Carry redrives out as a worker of its own does, on connections of its own; gone with them when killed."""
    async with open_pool(database, size=4) as pool:
        report = (found if found is not None else []).append
        task = asyncio.create_task(carry_out_running(pool, utc_now, CODEC.encode_record, report))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def begun(delivery_queue: DeliveryQueue, terms: RedriveLimits) -> FrozenSet:
    """Freeze what is there, and let the workers carry it out."""
    frozen = await in_transaction(delivery_queue.pool, freeze, ERP, terms, DECISION, CODEC.encode_record)
    await in_transaction(delivery_queue.pool, redrive_store.begin, frozen.id)
    return frozen


async def state(delivery_queue: DeliveryQueue, number: int, *wanted: str) -> str:
    """KeepWatching until a redrive is in one of the states wanted."""

    async def there() -> str | None:
        now = (await in_transaction(delivery_queue.pool, redrive_store.read, number)).state
        return now if now in wanted else None

    return str(await eventually(there, what=f"{wanted}"))


async def released_at(delivery_queue: DeliveryQueue) -> Sequence[datetime]:
    """List when letters were sent, in order."""
    return [
        at
        for (at,) in await delivery_queue.rows(
            "SELECT decided_at FROM letter_decisions WHERE decision = 'retried' ORDER BY decided_at"
        )
    ]


async def test_redrive_worker_of_two_workers_one_carries_a_set_out_and_its_rate_is_kept(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    rate, count = 30, 60
    events = await letters(delivery_queue, count)
    target = Scripted()
    async with delivery_workers(delivery_queue.pool, target, 2), worker(database), worker(database):
        frozen = await begun(delivery_queue, RedriveLimits(canary=1, watch=AT_ONCE, rate_per_s=rate))
        await state(delivery_queue, frozen.id, "done")
        rest = (await released_at(delivery_queue))[1:]
    burst = rate * BURST_S
    for at in rest:
        within = sum(at <= other < at + timedelta(seconds=1) for other in rest)
        assert within <= rate * 1.05 + burst + 1, f"{within} letters in a second"
    assert (rest[-1] - rest[0]).total_seconds() >= (count - 1 - burst) / rate * 0.9
    await deliver(delivery_queue, target)
    assert once_in_order(target, events)


async def test_redrive_worker_when_the_worker_that_carries_it_out_is_gone_another_goes_on(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    events = await letters(delivery_queue, 40)
    target = Scripted()
    async with delivery_workers(delivery_queue.pool, target, 2), worker(database) as first:
        frozen = await begun(delivery_queue, RedriveLimits(canary=2, watch=AT_ONCE, rate_per_s=20))
        await released(delivery_queue, frozen.id, 8)
        async with worker(database):
            first.cancel()
            await asyncio.wait([first])
            left = (await in_transaction(delivery_queue.pool, redrive_store.read, frozen.id)).left
            assert left > 0, "it was in the middle"
            await state(delivery_queue, frozen.id, "done")
    await deliver(delivery_queue, target)
    assert once_in_order(target, events)


async def test_redrive_worker_stopped_by_hand_nothing_more_of_it_is_sent_and_the_rest_can_be_frozen_again(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    await letters(delivery_queue, 40)
    target = Scripted()
    async with delivery_workers(delivery_queue.pool, target, 2), worker(database), worker(database):
        frozen = await begun(delivery_queue, RedriveLimits(canary=2, watch=AT_ONCE, rate_per_s=10))
        await released(delivery_queue, frozen.id, 4)
        assert await in_transaction(
            delivery_queue.pool, redrive_store.end, frozen.id, done=False, why="物料又停用", now=utc_now()
        )
        stopped = await in_transaction(delivery_queue.pool, redrive_store.read, frozen.id)
        assert await redrive_store.step(delivery_queue.pool, frozen.id, utc_now(), CODEC.encode_record) is None
        other = await begun(delivery_queue, RedriveLimits(canary=1, watch=AT_ONCE, rate_per_s=1000))
        await state(delivery_queue, other.id, "done")
    after = await in_transaction(delivery_queue.pool, redrive_store.read, frozen.id)
    assert (after.state, after.ended_why, after.released) == ("stopped", "物料又停用", stopped.released)
    assert stopped.released + other.letters == 40
    assert set(target.ledger.values()) == {1}
    with pytest.raises(RedriveGone, match="物料又停用"):
        await in_transaction(delivery_queue.pool, redrive_store.begin, frozen.id)


async def test_redrive_worker_one_that_stops_by_itself_is_reported_once_and_told_to_who_watches(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    await letters(delivery_queue, 12)
    frozen = await in_transaction(
        delivery_queue.pool,
        freeze,
        ERP,
        RedriveLimits(canary=3, watch=AT_ONCE, rate_per_s=100),
        DECISION,
        CODEC.encode_record,
    )

    async def reject(_call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "still no such material")

    found, shown = list[Alert](), list[int]()
    async with (
        delivery_workers(delivery_queue.pool, Scripted(before=reject)),
        worker(database, found),
        worker(database, found),
    ):
        ended = await watch(delivery_queue.pool, frozen.id, say=lambda one: shown.append(one.released))
    assert (ended.state, ended.released, shown[-1]) == ("stopped", 3, 3)
    assert [(one.rule, one.about) for one in found] == [(RuleName.REDRIVE_STOPPED, f"redrive {frozen.id}")]


async def test_redrive_worker_two_sets_are_carried_out_side_by_side(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    await letters(delivery_queue, 4)
    target = Scripted()
    terms = RedriveLimits(canary=2, watch=AT_ONCE, rate_per_s=50)
    sets = [await in_transaction(delivery_queue.pool, freeze, ERP, terms, DECISION, CODEC.encode_record)]
    await rejecting(delivery_queue, ("RX", 1), ("RY", 1), parked=6)
    sets.append(await in_transaction(delivery_queue.pool, freeze, ERP, terms, DECISION, CODEC.encode_record))
    assert [(one.letters, one.taken) for one in sets] == [(4, 0), (2, 4)]
    async with delivery_workers(delivery_queue.pool, target), worker(database), worker(database):
        for one in sets:
            await in_transaction(delivery_queue.pool, redrive_store.begin, one.id)
        for one in sets:
            await state(delivery_queue, one.id, "done")
    assert set(target.ledger.values()) == {1}


async def test_redrive_worker_of_people_who_freeze_one_set_at_once_one_has_it(delivery_queue: DeliveryQueue) -> None:
    await letters(delivery_queue, 30)
    terms = RedriveLimits(canary=3, watch=AT_ONCE, rate_per_s=100)
    asked = (in_transaction(delivery_queue.pool, freeze, ERP, terms, DECISION, CODEC.encode_record) for _ in range(6))
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told if not isinstance(one, FrozenSet)] == [NothingMatches] * 5
    assert await delivery_queue.rows("SELECT count(*), count(DISTINCT letter) FROM letter_decisions") == [(30, 30)]


async def test_redrive_worker_a_set_that_no_longer_fits_its_queue_is_stopped_and_the_worker_goes_on(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    await letters(delivery_queue, 3)
    found = list[Alert]()
    frozen = await begun(delivery_queue, RedriveLimits(canary=3, watch=AT_ONCE, rate_per_s=1000))
    assert await delivery_queue.rows("DELETE FROM delivery_heads RETURNING 1")
    async with worker(database, found) as running:
        await state(delivery_queue, frozen.id, "stopped")
        assert not running.done()
    assert [(one.rule, one.about) for one in found] == [(RuleName.REDRIVE_STOPPED, f"redrive {frozen.id}")]
    assert "stand at the head of their queue" in (
        (await in_transaction(delivery_queue.pool, redrive_store.read, frozen.id)).ended_why or ""
    )


async def test_redrive_with_two_persons_another_lets_it_go_than_who_froze_it(
    delivery_queue: DeliveryQueue,
) -> None:
    pool = delivery_queue.pool
    await letters(delivery_queue, 1)
    frozen = await in_transaction(pool, freeze, ERP, TERMS, DECISION, CODEC.encode_record, two_persons=True)
    for by in ("", DECISION.by):
        with pytest.raises(SecondPersonNeeded, match=DECISION.by):
            await watch(pool, frozen.id, say=print, by=by)  # also in a process that asks for one person alone
    assert (await in_transaction(pool, redrive_store.read, frozen.id)).state == "frozen"
    for by in ("李工", "赵工"):  # who comes second finds it running
        await in_transaction(pool, partial(redrive_store.begin, by=by, two_persons=True), frozen.id)
    ended = await carried_out(delivery_queue, frozen.id, Scripted())
    assert (ended.state, ended.approved_by, ended.run_by) == ("done", DECISION.by, "李工")
    who = "SELECT decision, decided_by FROM letter_decisions ORDER BY id"
    assert await delivery_queue.rows(who) == [("frozen", DECISION.by), ("retried", "李工")]
