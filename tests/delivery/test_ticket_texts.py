"""What a target repeats of any event of the ticket is masked: a customer's name stands in the first one alone."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.contract_suites.target import OPENED
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.delivery.ticket_texts import EVENTS_MAX, ticket_events
from bus.domain.errors import StoreUnavailable
from bus.domain.events import PersonalDataErased, Recorded
from bus.domain.terms import TicketId
from bus.domain.values import Customer
from tests.bus_under_test import eventually
from tests.databases import clear_on
from tests.delivery.deliveries import DeliveryQueue, event
from tests.delivery.scripted import Script, Scripted, delivery_worker, delivery_workers, fails, utc_now
from tests.schemas.codecs import CODEC, recorded

WORDS = "客户张三(柳浪新村八栋)不存在,工单 T1"


async def held(delivery_queue: DeliveryQueue, notes: int) -> None:
    """Let a ticket be opened for a customer and have notes, of which the last is to be delivered."""
    opened = replace(OPENED, customer=Customer(name="张三", phone="", address="柳浪新村八栋"))
    await delivery_queue.hold_recorded(recorded(opened, ticket_id="T1", version=1))
    await delivery_queue.hold(*(("T1", version) for version in range(2, notes + 1)))
    await delivery_queue.add(("T1", notes + 1), now=utc_now())


async def stored_words(delivery_queue: DeliveryQueue, script: Script) -> str:
    """Give what is stored of the failure of a call."""

    async def parked() -> bool:
        return await delivery_queue.rows("SELECT 1 FROM delivery_heads WHERE parked") != []

    async with delivery_workers(delivery_queue.pool, Scripted(before=script)):
        await eventually(parked)
    ((failures,),) = await delivery_queue.rows("SELECT failures FROM delivery_heads")
    (failure,) = failures
    return f"{failure.get('message', '')}|{failure.get('code', '')}"


async def test_ticket_texts_a_later_notes_failure_names_no_customer(delivery_queue: DeliveryQueue) -> None:
    await held(delivery_queue, 3)
    script = fails(FailureKind.REJECTED, code="张三", message=WORDS)
    assert await stored_words(delivery_queue, script) == "客户***(***)不存在,工单 T1|***"


async def test_ticket_texts_of_a_long_ticket_the_first_and_the_newest_are_read(delivery_queue: DeliveryQueue) -> None:
    await held(delivery_queue, EVENTS_MAX + 20)
    events = await ticket_events(delivery_queue.pool, clear_on(delivery_queue.pool), TicketId("T1"))
    assert len(events) == EVENTS_MAX
    assert {1, EVENTS_MAX + 21, 40} <= {one.version for one in events}


async def test_ticket_texts_are_read_once_and_only_for_words(delivery_queue: DeliveryQueue) -> None:
    reads = list[TicketId]()

    async def away(ticket_id: TicketId) -> Sequence[Recorded]:
        reads.append(ticket_id)
        raise StoreUnavailable("the store is away")

    async def refuses(call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "no", message="" if call.event.version == 2 else WORDS)

    await held(delivery_queue, 1)
    (claim,) = await delivery_queue.claim(now=utc_now())
    caller = replace(delivery_worker(delivery_queue.pool, Scripted(before=refuses)).caller, events_of=away)
    finished = await caller.attempt(claim)
    assert finished is not None
    assert not reads
    finished = await caller.attempt(replace(claim, version=3, value=CODEC.encode(event("T1", 3))))
    assert finished is not None
    assert finished.failure is not None
    assert (finished.failure.message, len(reads)) == ("", 1), "what cannot be masked is left out"


async def test_ticket_texts_that_were_erased_let_no_words_of_a_target_be_stored(delivery_queue: DeliveryQueue) -> None:
    async def erased(ticket_id: TicketId) -> Sequence[Recorded]:
        return [event(ticket_id, 1), replace(event(ticket_id, 2), event=PersonalDataErased(reason="客户要求"))]

    async def refuses(_: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "no", message=WORDS)

    await held(delivery_queue, 1)
    (claim,) = await delivery_queue.claim(now=utc_now())
    caller = replace(delivery_worker(delivery_queue.pool, Scripted(before=refuses)).caller, events_of=erased)
    finished = await caller.attempt(claim)
    assert finished is not None
    assert finished.failure is not None
    assert finished.failure.message == ""
