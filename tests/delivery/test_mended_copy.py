"""A mended copy is delivered under a key of its own, the same at every attempt of its bytes."""

from collections import defaultdict
from dataclasses import replace

from bus.delivery import queue
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.events import NoteAdded
from bus.postgres.pool import in_transaction
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue, event
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.schemas.codecs import CODEC


async def test_mended_copy_has_a_key_of_its_own_at_every_attempt_and_another_copy_has_another(
    delivery_queue: DeliveryQueue,
) -> None:
    keys = defaultdict[str, list[str]](list)
    first_ones = list[str]()

    async def refused(call: Call) -> None:
        assert isinstance(call.event.event, NoteAdded)
        text = call.event.event.text
        keys[text].append(call.copy_key or call.key)
        first_ones.append(call.key)
        if text != "good":
            late = len(keys[text]) < 3
            raise DeliveryFailed(FailureKind.UNAVAILABLE if late else FailureKind.REJECTED, "not that")

    async def parked() -> bool:
        return await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE parked") != []

    async def ended() -> bool:
        return await delivery_queue.rows("SELECT 1 FROM delivery_heads") == []

    async def send_copy(text: str) -> None:
        value = CODEC.encode(replace(event("T1", 1), event=NoteAdded(text=text, changed=())))
        await in_transaction(delivery_queue.pool, queue.release, ERP, [("T1", 1, value)], utc_now())

    async with delivery_workers(delivery_queue.pool, Scripted(idempotent=True, before=refused)):
        await delivery_queue.add(("T1", 1), now=utc_now())
        await eventually(parked)
        await send_copy("bad")
        await eventually(parked)
        await send_copy("good")
        await eventually(ended)
    assert [len(each) for each in keys.values()] == [3, 3, 1]
    assert len({key for each in keys.values() for key in each}) == len(keys), "one key a text"
    assert len({*first_ones}) == 1, "what looks a document up by the event's key still finds it"
