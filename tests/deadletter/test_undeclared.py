"""Targets that are no longer declared: marked, not called again by mistake, and what waits is let go or moved."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from bus.cli.delivery import status_line
from bus.delivery import declarations, target_state, undeclared
from bus.delivery.declarations import DeclaredTarget
from bus.delivery.status import target_statuses
from bus.delivery.target_state import NoSuchTarget, NotDeclared, StillDeclared
from bus.postgres.pool import connected, in_transaction
from deadletter import redrive_store
from deadletter.redrive_policy import End, RedriveLimits, Release
from deadletter.redrive_store import DeadLetterQuery, begin, freeze
from deadletter.store import retry
from deadletter.undeclared import (
    DiscardedQueue,
    MovedQueue,
    discard_queue,
    discard_whole_queue,
    move_queue,
    move_whole_queue,
)
from tests.bus_under_test import eventually
from tests.databases import KEYS
from tests.deadletter.letters import DECISION
from tests.deadletter.test_store import letter_of, rejecting
from tests.delivery.deliveries import ERP, NOW, DeliveryQueue, undeclare
from tests.delivery.scripted import Scripted, delivery_workers, utc_now
from tests.schemas.codecs import CODEC

CRM = "crm"
ENCODE = CODEC.encode_record


async def rows(delivery_queue: DeliveryQueue, target: str) -> Sequence[tuple[Any, ...]]:
    """Give what is known of a target's deliveries."""
    query = f"SELECT ticket_id, version, state FROM deliveries WHERE target = '{target}' ORDER BY ticket_id, version"  # noqa: S608 - a test's own name
    return await delivery_queue.rows(query)


async def moved(delivery_queue: DeliveryQueue) -> MovedQueue:
    """Move what waits for the ERP to the CRM."""
    return await in_transaction(delivery_queue.pool, move_queue, ERP, CRM, DECISION, ENCODE)


async def delivered(delivery_queue: DeliveryQueue) -> list[tuple[str, int]]:
    """Let the CRM have all that waits; gives it in the order of its arrival."""
    target = Scripted()

    async def quiet() -> bool:
        return not await delivery_queue.rows("SELECT FROM delivery_heads WHERE target = 'crm' AND NOT parked")

    async with delivery_workers(delivery_queue.pool, target, name=CRM):
        await eventually(quiet)
    return target.order


@asynccontextmanager
async def naming(delivery_queue: DeliveryQueue, *targets: str) -> AsyncIterator[None]:
    """Let a worker live whose file names these targets."""
    task = asyncio.create_task(declarations.keep_declared(delivery_queue.pool, named(*targets)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def named(*targets: str) -> dict[str, DeclaredTarget]:
    """Give targets as a file names them that says nothing else of them."""
    return dict.fromkeys(targets, DeclaredTarget())


async def declared(delivery_queue: DeliveryQueue) -> list[str]:
    """Name the targets that are declared."""
    return [one.target for one in await target_statuses(delivery_queue.pool) if not one.undeclared_at]


async def test_undeclared_is_no_target_that_a_live_worker_names_whoever_began_last(
    delivery_queue: DeliveryQueue,
) -> None:
    pool = delivery_queue.pool
    await declarations.declare(pool, named(ERP, CRM))
    for _ in range(2):  # an old worker that restarts in a rolling deploy knows no CRM
        await declarations.declare(pool, named(ERP))
        await declarations.mark_undeclared(pool, [ERP])
        assert await declared(delivery_queue) == [CRM, ERP]
    await undeclare(pool, CRM, ERP)
    assert await declared(delivery_queue) == [ERP]
    await declarations.declare(pool, named(CRM))
    await declarations.mark_undeclared(pool, [ERP])
    assert await declared(delivery_queue) == [CRM, ERP]


async def test_undeclared_is_what_the_workers_that_live_renew_no_more(
    delivery_queue: DeliveryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declarations, "RENEW_EVERY_S", 0.02)
    monkeypatch.setattr(declarations, "HELD_S", 0.2)

    async def stand(*targets: str) -> None:
        async def recorded() -> bool:
            return await declared(delivery_queue) == sorted(targets)

        await eventually(recorded, what=f"{targets} declared")

    async with naming(delivery_queue, ERP, CRM):
        await stand(CRM, ERP)
    async with naming(delivery_queue, CRM):
        await stand(CRM)
        async with naming(delivery_queue, ERP):
            await stand(CRM, ERP)


async def test_undeclared_target_is_listed_and_marked_as_long_as_something_waits_for_it(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.add(("T1", 1))
    await undeclare(delivery_queue.pool, ERP, CRM)
    crm, erp = await target_statuses(delivery_queue.pool)
    assert (crm.listed, crm.undeclared_at, erp.listed, erp.undeclared_at) == (True, None, True, NOW)
    assert "已不在目标文件 no longer declared since 11-22 08:00" in status_line(erp, NOW)
    await in_transaction(delivery_queue.pool, discard_queue, ERP, DECISION, ENCODE)
    assert [one.listed for one in await target_statuses(delivery_queue.pool)] == [True, False]


async def test_undeclared_target_is_neither_resumed_nor_are_its_letters_sent_again(
    delivery_queue: DeliveryQueue,
) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R2", 1), parked=2)
    number, pool = await letter_of(delivery_queue, "R1"), delivery_queue.pool
    query, limits = DeadLetterQuery(target=ERP), RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=10)
    frozen = await in_transaction(pool, freeze, query, limits, DECISION, ENCODE)
    await in_transaction(pool, target_state.pause, ERP, by="张工", why="盘点")
    await undeclare(delivery_queue.pool, ERP, CRM)
    for refused in (
        in_transaction(pool, retry, [number], DECISION, ENCODE, KEYS),
        in_transaction(pool, target_state.resume, ERP, NOW, by="张工"),
        in_transaction(pool, freeze, query, limits, DECISION, ENCODE),
        in_transaction(pool, begin, frozen.id),
    ):
        with pytest.raises(NotDeclared, match="erp is no longer declared since 2026-11-22 08:00"):
            await refused
    assert await delivery_queue.rows("SELECT state FROM letters") == [("open",)] * 2
    assert await delivery_queue.rows("SELECT state FROM redrives") == [("frozen",)]
    await declarations.declare(pool, named(ERP))
    assert await in_transaction(pool, target_state.resume, ERP, NOW, by="张工")
    assert await in_transaction(pool, retry, [number], DECISION, ENCODE, KEYS) == 1


async def test_undeclared_target_stops_a_redrive_under_way_and_its_letters_are_free_again(
    delivery_queue: DeliveryQueue,
) -> None:
    await rejecting(delivery_queue, *((f"R{number}", 1) for number in range(4)), parked=4)
    pool, limits = delivery_queue.pool, RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=1000)
    frozen = await in_transaction(pool, freeze, DeadLetterQuery(target=ERP), limits, DECISION, ENCODE)
    await in_transaction(pool, begin, frozen.id)
    assert await redrive_store.step(pool, frozen.id, utc_now(), ENCODE) == Release(count=1)
    await undeclare(delivery_queue.pool, ERP, CRM)
    ended = await redrive_store.step(pool, frozen.id, utc_now(), ENCODE)
    assert isinstance(ended, End)
    assert not ended.done
    assert "erp is no longer declared since 2026-11-22 08:00" in ended.why
    redrive = await in_transaction(pool, redrive_store.read, frozen.id)
    assert (redrive.state, redrive.ended_why, redrive.released, redrive.left) == ("stopped", ended.why, 1, 3)
    assert await delivery_queue.rows("SELECT count(*) FROM letters WHERE state = 'open' AND redrive IS NULL") == [(3,)]


async def test_undeclared_queue_is_let_go_while_a_redrive_of_it_takes_a_step_and_neither_waits_for_the_other(
    delivery_queue: DeliveryQueue,
) -> None:
    await rejecting(delivery_queue, *((f"R{number}", 1) for number in range(4)), parked=4)
    pool, limits = delivery_queue.pool, RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=1000)
    frozen = await in_transaction(pool, freeze, DeadLetterQuery(target=ERP), limits, DECISION, ENCODE)
    await in_transaction(pool, begin, frozen.id)
    assert await redrive_store.step(pool, frozen.id, utc_now(), ENCODE) == Release(count=1)
    await undeclare(pool, ERP, CRM)

    async def waits() -> bool:
        query = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await delivery_queue.rows(query))

    async with connected(pool) as connection:
        await connection.execute("SELECT FROM letters WHERE state = 'open' ORDER BY id FOR UPDATE")
        step = asyncio.create_task(redrive_store.step(pool, frozen.id, utc_now(), ENCODE))
        await eventually(waits, what="the step waits for the letters")
        gone = await discard_queue(connection, ERP, DECISION, ENCODE)
    assert (gone.discarded, gone.letters) == (4, 3)
    await step
    assert await delivery_queue.rows("SELECT released, failed FROM redrives") == [(1, 1)]


@pytest.mark.parametrize("moves", [True, False])
async def test_undeclared_queue_goes_in_bounded_steps_and_whoever_is_killed_between_two_does_it_again(
    delivery_queue: DeliveryQueue, monkeypatch: pytest.MonkeyPatch, moves: bool
) -> None:
    monkeypatch.setattr(undeclared, "TICKETS_MAX", 2)
    await rejecting(delivery_queue, *((f"R{number}", 1) for number in range(4)), parked=4)
    await delivery_queue.add(*((f"S{number}", version) for number in range(3) for version in (1, 2)))
    await undeclare(delivery_queue.pool, ERP, CRM)
    pool = delivery_queue.pool
    if moves:
        step = await in_transaction(pool, move_queue, ERP, CRM, DECISION, ENCODE)
        assert step == MovedQueue(target=ERP, to=CRM, moved=2, known=0, letters=2, left=8, next="R1")
        assert (await move_whole_queue(pool, ERP, CRM, DECISION, ENCODE)) == MovedQueue(
            target=ERP, to=CRM, moved=8, known=0, letters=2, left=0
        )
        assert sorted(await delivered(delivery_queue)) == sorted(
            [(f"R{number}", 1) for number in range(4)]
            + [(f"S{number}", version) for number in range(3) for version in (1, 2)]
        )
    else:
        gone = await in_transaction(pool, discard_queue, ERP, DECISION, ENCODE)
        assert gone == DiscardedQueue(target=ERP, discarded=2, letters=2, left=8, next="R1")
        done = await discard_whole_queue(pool, ERP, DECISION, ENCODE)
        assert done == DiscardedQueue(target=ERP, discarded=8, letters=2, left=0)
    assert await delivery_queue.rows("SELECT count(*) FROM delivery_heads WHERE target = 'erp'") == [(0,)]


async def test_undeclared_queue_is_let_go_with_its_letters_and_nothing_else_is(delivery_queue: DeliveryQueue) -> None:
    await rejecting(delivery_queue, ("R1", 1), ("R1", 2), ("A", 1), parked=1)
    await delivery_queue.add(("A", 2))
    await delivery_queue.add(("A", 1), target=CRM)
    await undeclare(delivery_queue.pool, ERP, CRM)
    done = await in_transaction(delivery_queue.pool, discard_queue, ERP, DECISION, ENCODE)
    assert done == DiscardedQueue(target=ERP, discarded=3, letters=1, left=0)
    assert await rows(delivery_queue, ERP) == [
        ("A", 1, "done"), ("A", 2, "discarded"), ("R1", 1, "discarded"), ("R1", 2, "discarded"),
    ]  # fmt: skip
    assert await rows(delivery_queue, CRM) == [("A", 1, "waiting")]
    assert await delivery_queue.rows("SELECT target FROM delivery_heads") == [(CRM,)]
    query = "SELECT l.state, d.decision, d.decided_by FROM letters l JOIN letter_decisions d ON d.letter = l.id"
    assert await delivery_queue.rows(query) == [("discarded", "discarded", "张工")]
    why = await delivery_queue.rows("SELECT DISTINCT reference FROM deliveries WHERE state = 'discarded'")
    assert why == [("张工: 物料已建档",)]


async def test_undeclared_alone_is_let_go_or_moved_and_to_what_is_declared_alone(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.add(("T1", 1))
    await declarations.declare(delivery_queue.pool, named(ERP, CRM))
    pool = delivery_queue.pool
    for order in (
        in_transaction(pool, discard_queue, ERP, DECISION, ENCODE),
        in_transaction(pool, move_queue, ERP, CRM, DECISION, ENCODE),
    ):
        with pytest.raises(StillDeclared):
            await order
    await undeclare(delivery_queue.pool, ERP, CRM)
    for other, error in (("crmm", NoSuchTarget), (ERP, NotDeclared)):
        with pytest.raises(error):
            await in_transaction(pool, move_queue, ERP, other, DECISION, ENCODE)
    with pytest.raises(NoSuchTarget, match="did you mean erp"):
        await in_transaction(pool, discard_queue, "erpp", DECISION, ENCODE)
    assert await rows(delivery_queue, ERP) == [("T1", 1, "waiting")]
