"""What a target lets go for good is discarded with its reason, and holds up nothing: it is no failure and no letter."""

from dataclasses import dataclass, field

from bus.delivery.target import Call, Effect
from tests.bus_under_test import eventually
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, utc_now

ROWS = "SELECT version, state, reference FROM deliveries ORDER BY version"


@dataclass(slots=True, kw_only=True)
class LetsGo(Scripted):
    """Lets the first version of a ticket go."""

    gone: list[int] = field(default_factory=list)

    async def send(self, call: Call) -> Effect:
        if call.event.version == 1:
            self.gone.append(1)
            return Effect(discarded="nobody to tell")
        return await Scripted.send(self, call)


async def test_discarded_effect_ends_the_delivery_with_its_reason_and_the_next_one_comes(
    delivery_queue: DeliveryQueue,
) -> None:
    async def settled() -> bool:
        return not await delivery_queue.rows("SELECT 1 FROM delivery_heads")

    target = LetsGo(idempotent=True)
    async with delivery_workers(delivery_queue.pool, target):
        await delivery_queue.add(("T1", 1), ("T1", 2), now=utc_now())
        await eventually(settled)
    (first, second) = await delivery_queue.rows(ROWS)
    assert first == (1, "discarded", "nobody to tell")
    assert second[:2] == (2, "done")
    assert (target.gone, target.order, target.found) == ([1], [("T1", 2)], [])
    assert await delivery_queue.rows("SELECT 1 FROM letters") == []
