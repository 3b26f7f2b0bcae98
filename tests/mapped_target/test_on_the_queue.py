"""A target by a map behind the real queue: whatever the other system does wrong, each event is there once, in order."""

import random
from dataclasses import dataclass
from datetime import timedelta

from adapters.mapped_target.target import MappedTarget
from bus.delivery.target import Call, Effect, LaggingTarget
from tests.bus_under_test import eventually
from tests.delivery.conftest import database, delivery_queue, pool
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.delivery.test_delivery_worker import EVENTS, settled
from tests.mapped_target.calls import target_of
from tests.mapped_target.desk import Desk, DeskFault, options, serving

__all__ = ["database", "delivery_queue", "pool"]
FEW = [(ticket, version) for ticket, version in EVENTS if ticket in ("T0", "T1", "T2", "T3")]
SHOWN = tuple(set(DeskFault) - {DeskFault.REFUSED})  # which is a dead letter at once, as it should be


@dataclass(slots=True, kw_only=True)
class Queued(Scripted):
    """Hands calls on to a target by a map."""

    to: MappedTarget

    async def send(self, call: Call) -> Effect:
        return await self.to.send(call)

    async def confirm(self, call: Call) -> Effect | None:
        self.asked += 1
        return await self.to.confirm(call)


async def test_mapped_target_on_the_queue_nothing_is_lost_or_repeated_by_a_system_that_fails_at_random(
    delivery_queue: DeliveryQueue,
) -> None:
    chance = random.Random(3)  # noqa: S311 - the same faults at every run
    async with serving() as desk:
        given = options(desk.url)
        [request] = given["requests"]
        request["json"] = {"ref": "key", "ticket": "ticket_id", "version": "version"}
        desk.fault_of = lambda: chance.choice(sorted(SHOWN)) if chance.random() < 0.4 else None
        async with target_of(given) as target:
            queued = Queued(to=target, idempotent=target.idempotent)
            async with delivery_workers(delivery_queue.pool, queued, 2, attempt_timeout=timedelta(milliseconds=500)):
                await delivery_queue.add(*FEW, now=utc_now())
                await eventually(lambda: settled(delivery_queue))
    came = [(note["ticket"], note["version"]) for note in desk.notes]
    assert sorted(came) == sorted(FEW)
    for ticket in {one for one, _ in FEW}:
        versions = [version for one, version in came if one == ticket]
        assert versions == sorted(versions)
    assert await delivery_queue.rows("SELECT count(*) FROM letters") == [(0,)]
    assert queued.asked > 0


async def test_mapped_target_on_the_queue_a_look_up_that_shows_effects_late_repeats_none_of_them(
    delivery_queue: DeliveryQueue,
) -> None:
    async with serving(Desk(shows_after_s=0.5)) as desk:
        given = options(desk.url)
        given["requests"][0]["confirm"]["settles_s"] = 1.5
        given["requests"][0]["json"] = {"ref": "key", "ticket": "ticket_id", "version": "version"}
        desk.fail(DeskFault.EFFECT_FIRST_RESET, times=3)
        async with target_of(given) as target:
            assert isinstance(target, LaggingTarget)
            async with delivery_workers(delivery_queue.pool, target, 2, attempt_timeout=timedelta(seconds=2)):
                await delivery_queue.add(*FEW[:3], now=utc_now())
                await eventually(lambda: settled(delivery_queue))
    assert sorted((note["ticket"], note["version"]) for note in desk.notes) == sorted(FEW[:3])
    assert sum(line.startswith("GET /api/notes") for line in desk.calls) > 3


async def test_mapped_target_on_the_queue_a_system_that_still_works_on_what_was_given_up_is_waited_for() -> None:
    given = options("http://127.0.0.1:9")
    async with target_of(given) as usual:
        assert usual.lookup_settles_s == 120
    given["requests"][0]["confirm"]["settles_s"] = 0
    async with target_of(given) as quick:
        assert quick.lookup_settles_s == 0
