"""What moves from a target that is no longer declared to another, and what stays: in order, doubled never."""

import dataclasses

from bus.domain.events import WorkPaused
from bus.domain.terms import TicketId, WaitingFor
from bus.postgres.pool import connected, in_transaction
from deadletter.store import replace
from deadletter.undeclared import (
    DiscardedQueue,
    MovedQueue,
    discard_queue,
    discard_whole_queue,
    move_queue,
    move_whole_queue,
)
from tests.deadletter.letters import DECISION
from tests.deadletter.test_store import letter_of, rejecting
from tests.deadletter.test_undeclared import CRM, ENCODE, delivered, moved, rows
from tests.delivery.deliveries import ERP, LEASE, DeliveryQueue, event, undeclare


async def test_undeclared_moves_queue_moves_in_order_per_ticket_and_doubles_nothing(
    delivery_queue: DeliveryQueue,
) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R1", 3), ("R2", 1), parked=2)
    await delivery_queue.add(("T1", 1), ("T1", 4))
    await delivery_queue.add(("R1", 3), ("R1", 5), ("T1", 1), target=CRM)
    (done,) = [one for one in await delivery_queue.claim(target=CRM) if one.ticket_id == "T1"]
    await delivery_queue.done(done, target=CRM)
    await delivery_queue.rows("UPDATE delivery_heads SET unsure = false, attempts = 0 WHERE target = 'crm' RETURNING 1")
    await undeclare(delivery_queue.pool, ERP, CRM)
    assert await moved(delivery_queue) == MovedQueue(target=ERP, to=CRM, moved=3, known=2, letters=2, left=0)
    arrived = await delivered(delivery_queue)
    assert [one for one in arrived if one[0] == "R1"] == [("R1", 1), ("R1", 3), ("R1", 5)]
    assert sorted(arrived) == [("R1", 1), ("R1", 3), ("R1", 5), ("R2", 1), ("T1", 4)]
    assert {state for *_, state in await rows(delivery_queue, ERP)} == {"discarded"}
    assert await delivery_queue.rows("SELECT DISTINCT state FROM letters") == [("discarded",)]
    assert await moved(delivery_queue) == MovedQueue(target=ERP, to=CRM, moved=0, known=0, letters=0, left=0)


async def test_undeclared_moves_queue_keeps_tickets_of_which_the_other_target_had_or_has_in_hand_a_later_event(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.add(*((ticket, 1) for ticket in ("DONE", "CALLED", "FREE")))
    await delivery_queue.add(*((ticket, 2) for ticket in ("DONE", "CALLED")), target=CRM)
    for claim in await delivery_queue.claim(target=CRM):
        if claim.ticket_id == "DONE":
            await delivery_queue.done(claim, target=CRM)
    await undeclare(delivery_queue.pool, ERP, CRM)
    done = await moved(delivery_queue)
    assert (done.moved, done.known, done.left) == (1, 0, 2)
    waiting = [(ticket, version) for ticket, version, state in await rows(delivery_queue, ERP) if state == "waiting"]
    assert waiting == [("CALLED", 1), ("DONE", 1)]


async def test_undeclared_moves_queue_keeps_what_was_edited_for_its_target_alone(delivery_queue: DeliveryQueue) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R2", 1), parked=2)
    number = await letter_of(delivery_queue, "R1")
    async with connected(delivery_queue.pool) as connection:
        await replace(connection, number, b"copy", DECISION, ENCODE)
    await undeclare(delivery_queue.pool, ERP, CRM)
    assert await moved(delivery_queue) == MovedQueue(target=ERP, to=CRM, moved=1, known=0, letters=1, left=1)
    assert await delivery_queue.rows("SELECT ticket_id FROM letters WHERE state = 'open'") == [("R1",)]


async def test_undeclared_moves_queue_keeps_what_a_call_may_be_under_way_for_until_its_lease_ends(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.add(("T1", 1), ("T1", 2), ("T2", 1), now=DECISION.at)
    (called,) = await delivery_queue.claim(1, now=DECISION.at)
    await undeclare(delivery_queue.pool, ERP, CRM)
    assert (await moved(delivery_queue)).left == (2 if called.ticket_id == "T1" else 1)
    done = await in_transaction(delivery_queue.pool, discard_queue, ERP, DECISION, ENCODE)
    assert (done.discarded, done.left > 0) == (0, True)
    over = dataclasses.replace(DECISION, at=DECISION.at + LEASE)
    done = await in_transaction(delivery_queue.pool, discard_queue, ERP, over, ENCODE)
    assert (done.discarded > 0, done.left) == (True, 0)


async def test_undeclared_moves_queue_keeps_what_may_have_taken_effect_at_its_target(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.add(("T1", 1), ("T2", 1), now=DECISION.at)
    (called,) = await delivery_queue.claim(1, now=DECISION.at)
    await undeclare(delivery_queue.pool, ERP, CRM)
    over = dataclasses.replace(DECISION, at=DECISION.at + LEASE)
    done = await in_transaction(delivery_queue.pool, move_queue, ERP, CRM, over, ENCODE)
    assert (done.moved, done.left) == (1, 1)
    waiting = await delivery_queue.rows("SELECT target, ticket_id FROM deliveries WHERE state = 'waiting' ORDER BY 1")
    assert (ERP, called.ticket_id) in waiting


async def test_undeclared_moves_queue_keeps_events_that_the_other_target_does_not_take_and_counts_them(
    delivery_queue: DeliveryQueue,
) -> None:
    pool, waits = delivery_queue.pool, event("T1", 2)
    paused = dataclasses.replace(waits, event=WorkPaused(waiting_for=WaitingFor.CUSTOMER, reason=""))
    await delivery_queue.hold_recorded(paused, dataclasses.replace(paused, ticket_id=TicketId("R1"), version=1))
    await rejecting(delivery_queue, ("R1", 1), ("R1", 2), ("R2", 1), parked=2)
    await delivery_queue.add(("T1", 1), ("T1", 2), ("T1", 3))
    await undeclare(pool, ERP, CRM, events=("NoteAdded",))
    done = await move_whole_queue(pool, ERP, CRM, DECISION, ENCODE)
    assert done == MovedQueue(target=ERP, to=CRM, moved=4, known=0, letters=1, left=2, not_taken={"WorkPaused": 2})
    assert sorted(await delivered(delivery_queue)) == [("R1", 2), ("R2", 1), ("T1", 1), ("T1", 3)]
    waiting = [(ticket, version) for ticket, version, state in await rows(delivery_queue, ERP) if state == "waiting"]
    assert waiting == [("R1", 1), ("T1", 2)]
    heads = await delivery_queue.rows(
        "SELECT ticket_id, version, parked FROM delivery_heads WHERE target = 'erp' ORDER BY 1"
    )
    assert heads == [("R1", 1, True), ("T1", 2, False)]
    assert await delivery_queue.rows("SELECT ticket_id FROM letters WHERE state = 'open'") == [("R1",)]
    await undeclare(pool, ERP, CRM)
    again = await move_whole_queue(pool, ERP, CRM, DECISION, ENCODE)
    assert (again.moved, again.left, again.not_taken) == (0, 2, {}), "the other had a later event of these tickets"
    gone = await discard_whole_queue(pool, ERP, DECISION, ENCODE)
    assert gone == DiscardedQueue(target=ERP, discarded=2, letters=1, left=0)
