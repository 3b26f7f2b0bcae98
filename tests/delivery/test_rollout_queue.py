"""Rollouts on PostgreSQL: tickets move and go back in order, each event to one version, once."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from bus.alerts.rules.rollouts import ROLLED_BACK
from bus.delivery import declarations, queue, rollout_store
from bus.delivery.enqueue_handler import EnqueueHandler
from bus.delivery.rollout import RolloutState, share_of
from bus.delivery.rollout_store import NotInRollout
from bus.delivery.targets_config import TargetsConfig
from bus.domain.text import Text
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected, in_transaction
from bus.programs.rollout_watch import judge_running, move_back
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from deadletter.rejected_inputs import MemoryRejectedInputs
from tests.bus_under_test import eventually
from tests.delivery.deliveries import ERP, DeliveryQueue, event
from tests.delivery.scripted import plan
from tests.schemas.codecs import CODEC

NEW = "erp-v2"
CONFIG = TargetsConfig(targets={ERP: plan(), NEW: plan(canary_of=ERP)})
SMALL = [one for one in (f"T{n}" for n in range(300)) if share_of(one) < 5]
LARGE = [one for one in (f"T{n}" for n in range(300)) if share_of(one) >= 50]
WHY = Text("坏了", "broken")
QUEUED = "SELECT target, ticket_id, version FROM deliveries WHERE state <> 'discarded' ORDER BY ticket_id, version"


@pytest.fixture(autouse=True)
async def declared(delivery_queue: DeliveryQueue) -> None:
    """Let a worker's file name both versions, and begin without a rollout."""
    named = {name: declarations.DeclaredTarget(canary_of=one.canary_of) for name, one in CONFIG.targets.items()}
    await declarations.declare(delivery_queue.pool, named)
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("TRUNCATE rollouts, rollout_tickets")


async def start(delivery_queue: DeliveryQueue, minutes: int = 1, events: int = 1) -> int:
    """Start a rollout."""
    return await in_transaction(
        delivery_queue.pool, rollout_store.start, ERP, NEW, minutes=minutes, events=events, by="li", why="v2"
    )


async def enqueue(delivery_queue: DeliveryQueue, *events: tuple[str, int], config: TargetsConfig = CONFIG) -> None:
    """Let events happen, and the stage read them."""
    await delivery_queue.hold(*events)
    records = [
        Record(topic="t", partition=0, offset=n, key=b"k", value=CODEC.encode(event(*one)), headers=(), timestamp_ms=0)
        for n, one in enumerate(events)
    ]
    reader = EventReader(decode=CODEC.decode, keep=MemoryRejectedInputs().keep)
    async with connected(delivery_queue.pool) as connection:
        await EnqueueHandler(events=reader, config=config, now=utc_now).handle(connection, records)


async def delivered(delivery_queue: DeliveryQueue, target: str, most: int = 100) -> list[tuple[str, int]]:
    """Deliver what is due at a target, one a ticket."""
    claims = await delivery_queue.claim(most, target=target, now=utc_now())
    await delivery_queue.done(*claims, target=target, now=utc_now())
    return sorted((one.ticket_id, one.version) for one in claims)


async def ended(delivery_queue: DeliveryQueue, state: RolloutState) -> None:
    """End the rollout, and let what is misplaced move back."""
    await in_transaction(delivery_queue.pool, rollout_store.end, ERP, state, by="li", why=WHY)
    await move_back(delivery_queue.pool, CODEC.encode_record, utc_now())


async def test_rollout_queue_without_a_rollout_the_new_version_gets_nothing(delivery_queue: DeliveryQueue) -> None:
    await enqueue(delivery_queue, (SMALL[0], 1))
    assert await delivery_queue.rows(QUEUED) == [(ERP, SMALL[0], 1)]


async def test_rollout_queue_a_ticket_moves_once_nothing_of_it_waits_and_then_stays(
    delivery_queue: DeliveryQueue,
) -> None:
    await enqueue(delivery_queue, (SMALL[0], 1))
    await start(delivery_queue)
    await enqueue(delivery_queue, (SMALL[0], 2), (SMALL[1], 1), (LARGE[0], 1), (SMALL[1], 2))
    assert await delivery_queue.rows(QUEUED) == sorted(
        [(ERP, SMALL[0], 1), (ERP, SMALL[0], 2), (NEW, SMALL[1], 1), (NEW, SMALL[1], 2), (ERP, LARGE[0], 1)],
        key=lambda one: one[1:],
    )
    for _ in range(2):
        await delivered(delivery_queue, ERP)
    await enqueue(delivery_queue, (SMALL[0], 3))
    assert await delivered(delivery_queue, NEW) == sorted([(SMALL[0], 3), (SMALL[1], 1)])


async def test_rollout_queue_a_worker_with_the_old_file_keeps_to_it_and_a_repeat_goes_to_neither(
    delivery_queue: DeliveryQueue,
) -> None:
    await start(delivery_queue)
    await enqueue(delivery_queue, (SMALL[0], 1))
    old = TargetsConfig(targets={ERP: plan()})
    await enqueue(delivery_queue, (SMALL[0], 2), config=old)
    assert await delivery_queue.rows(QUEUED) == [(NEW, SMALL[0], 1), (NEW, SMALL[0], 2)]
    assert await delivered(delivery_queue, NEW) == [(SMALL[0], 1)]
    await ended(delivery_queue, RolloutState.ABORTED)
    await enqueue(delivery_queue, (SMALL[0], 1), (SMALL[0], 2))
    assert await delivery_queue.rows(QUEUED) == [(NEW, SMALL[0], 1), (ERP, SMALL[0], 2)]


async def test_rollout_queue_what_waits_goes_back_in_order_and_what_may_have_taken_effect_stays_with_its_ticket(
    delivery_queue: DeliveryQueue,
) -> None:
    await start(delivery_queue)
    unsure, waits = SMALL[:2]
    await enqueue(delivery_queue, (unsure, 1))
    assert len(await delivery_queue.claim(1, target=NEW, now=utc_now())) == 1, "its call began, and never ended"
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("UPDATE delivery_heads SET next_at = now()")  # its lease is over
    await enqueue(delivery_queue, (waits, 1), (waits, 2))
    await ended(delivery_queue, RolloutState.ABORTED)
    await enqueue(delivery_queue, (waits, 3), (unsure, 2))
    assert await delivery_queue.rows(QUEUED) == sorted(
        [(NEW, unsure, 1), (NEW, unsure, 2), *((ERP, waits, n) for n in (1, 2, 3))], key=lambda one: one[1:]
    )
    for _ in range(2):
        await delivered(delivery_queue, NEW)
    await enqueue(delivery_queue, (unsure, 3))
    assert (ERP, unsure, 3) in await delivery_queue.rows(QUEUED)


async def test_rollout_queue_only_what_the_file_says_can_start_and_one_at_a_time(
    delivery_queue: DeliveryQueue,
) -> None:
    start_of = (delivery_queue.pool, rollout_store.start)
    with pytest.raises(NotInRollout, match="canary_of: erp-v2"):
        await in_transaction(*start_of, NEW, ERP, minutes=1, events=1, by="li", why="")
    await start(delivery_queue)
    with pytest.raises(NotInRollout, match="running already"):
        await start(delivery_queue)
    await ended(delivery_queue, RolloutState.PROMOTED)
    with pytest.raises(NotInRollout, match="no rollout of erp is running"):
        await ended(delivery_queue, RolloutState.ABORTED)
    with pytest.raises(NotInRollout, match="take erp out of the targets file"):
        await start(delivery_queue)
    await enqueue(delivery_queue, (LARGE[0], 1))
    assert await delivery_queue.rows(QUEUED) == [(NEW, LARGE[0], 1)]


async def test_rollout_queue_the_end_of_one_does_not_end_the_next_that_a_person_has_started(
    delivery_queue: DeliveryQueue,
) -> None:
    first = await start(delivery_queue)
    await ended(delivery_queue, RolloutState.ABORTED)
    second = await start(delivery_queue)
    end, state = rollout_store.end, RolloutState.ROLLED_BACK
    with pytest.raises(NotInRollout, match="no rollout of erp is running"):
        await in_transaction(delivery_queue.pool, end, ERP, state, by="bus", why=WHY, number=first)
    await in_transaction(delivery_queue.pool, end, ERP, state, by="bus", why=WHY, number=second)
    ended_by = await delivery_queue.rows("SELECT state, ended_by FROM rollouts ORDER BY number")
    assert ended_by == [("aborted", "li"), ("rolled_back", "bus")]


async def judged(delivery_queue: DeliveryQueue, *, minutes: float) -> tuple[str, int]:
    """Judge as if so many minutes had passed; gives state and share."""
    async with connected(delivery_queue.pool) as connection:
        await judge_running(connection, utc_now() + timedelta(minutes=minutes))
    [(state, percent)] = await delivery_queue.rows("SELECT state, percent FROM rollouts")
    return state, percent


async def test_rollout_queue_steps_up_by_its_figures_until_it_has_all(delivery_queue: DeliveryQueue) -> None:
    await start(delivery_queue)
    steps = ((5, "running", 25), (25, "running", 50), (50, "running", 100), (100, "promoted", 100))
    for version, (percent, state, then) in enumerate(steps, start=1):
        assert await judged(delivery_queue, minutes=2) == ("running", percent), "nothing was acknowledged yet"
        await enqueue(delivery_queue, (SMALL[0], version), (SMALL[1], version))
        assert len(await delivered(delivery_queue, NEW)) == 2
        assert await judged(delivery_queue, minutes=0.5) == ("running", percent)
        assert await judged(delivery_queue, minutes=2) == (state, then)
    assert await delivery_queue.rows("SELECT count(*) FROM rollout_tickets") == [(0,)]


async def test_rollout_queue_latency_counts_no_waiting_before_the_first_attempt_or_between_attempts(
    delivery_queue: DeliveryQueue,
) -> None:
    now = utc_now()
    await enqueue(delivery_queue, (SMALL[0], 1), (SMALL[0], 2))
    await delivery_queue.rows("UPDATE deliveries SET enqueued_at = enqueued_at - interval '1 hour' RETURNING 1")
    for later in (timedelta(minutes=1), timedelta(minutes=2)):
        [claim] = await delivery_queue.claim(1, target=ERP, now=now + later)
        await delivery_queue.done(claim, target=ERP, now=now + later + timedelta(seconds=3))
    tried_twice = "UPDATE deliveries SET attempts = 2, first_tried_at = enqueued_at WHERE version = 2 RETURNING 1"
    assert await delivery_queue.rows(tried_twice)
    async with connected(delivery_queue.pool) as connection:
        figures = await rollout_store.figures(connection, ERP, now - timedelta(hours=2))
    assert figures.done == 2
    assert figures.latency_s == pytest.approx(3.0)


async def test_rollout_queue_rolls_back_by_itself_with_an_alert(delivery_queue: DeliveryQueue) -> None:
    await start(delivery_queue)
    await enqueue(delivery_queue, *((one, 1) for one in SMALL[:4]))
    for claim in await delivery_queue.claim(4, target=NEW, now=utc_now()):
        async with connected(delivery_queue.pool) as connection:
            await connection.execute(
                'UPDATE delivery_heads SET unsure = false, failures = \'[{"kind": "rejected"}]\', next_at = now() '
                "WHERE target = %s AND ticket_id = %s",
                (NEW, claim.ticket_id),
            )
    assert await judged(delivery_queue, minutes=0) == ("rolled_back", 5)
    await move_back(delivery_queue.pool, CODEC.encode_record, utc_now())
    assert await delivery_queue.rows(QUEUED) == sorted([(ERP, one, 1) for one in SMALL[:4]], key=lambda one: one[1:])
    async with connected(delivery_queue.pool) as connection:
        [alert] = ROLLED_BACK.evaluate(await ROLLED_BACK.read(connection), utc_now())
    assert alert.about == "erp → erp-v2"
    assert "4 of the new version's 4 deliveries failed" in alert.en
    await start(delivery_queue)
    async with connected(delivery_queue.pool) as connection:
        assert ROLLED_BACK.evaluate(await ROLLED_BACK.read(connection), utc_now()) == []


async def test_rollout_queue_a_ticket_does_not_go_back_while_the_stage_gives_it_more(
    delivery_queue: DeliveryQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(delivery_queue)
    await enqueue(delivery_queue, (SMALL[0], 1))
    await in_transaction(delivery_queue.pool, rollout_store.end, ERP, RolloutState.ABORTED, by="li", why=WHY)
    add, moving = queue.add, list[asyncio.Task[None]]()

    async def add_while_it_moves(*args: Any) -> None:
        moving.append(asyncio.create_task(move_back(delivery_queue.pool, CODEC.encode_record, utc_now())))

        async def under_way() -> bool:
            waits = await delivery_queue.rows("SELECT 1 FROM pg_locks WHERE NOT granted")
            return moving[0].done() or bool(waits)

        await eventually(under_way)
        await add(*args)

    monkeypatch.setattr(queue, "add", add_while_it_moves)
    await enqueue(delivery_queue, (SMALL[0], 2))
    await moving[0]
    assert await delivery_queue.rows(QUEUED) == [(ERP, SMALL[0], 1), (ERP, SMALL[0], 2)]


@pytest.mark.parametrize("seed", range(4))
async def test_rollout_queue_whatever_happens_each_event_is_delivered_once_and_in_order(
    delivery_queue: DeliveryQueue, seed: int
) -> None:
    chance, tickets = Random(seed), [*SMALL[:3], *LARGE[:3]]  # noqa: S311 - a history, no secret
    versions, ledger = dict.fromkeys(tickets, 0), defaultdict[str, list[int]](list)

    async def deliver(target: str) -> None:
        for ticket, version in await delivered(delivery_queue, target, chance.randint(1, 3)):
            ledger[ticket].append(version)

    for _ in range(60):
        step = chance.random()
        running = await delivery_queue.rows("SELECT 1 FROM rollouts WHERE state = 'running'")
        if step < 0.5:
            some: Sequence[str] = [chance.choice(tickets) for _ in range(chance.randint(1, 4))]
            happened = list[tuple[str, int]]()
            for one in some:
                versions[one] += 1
                happened.append((one, versions[one]))
            await enqueue(delivery_queue, *happened)
        elif step < 0.85:
            await deliver(chance.choice((ERP, NEW)))
        elif not running:
            await start(delivery_queue)
        elif step < 0.93:
            async with connected(delivery_queue.pool) as connection:
                await connection.execute("UPDATE rollouts SET percent = 100 WHERE state = 'running'")
        else:
            await ended(delivery_queue, RolloutState.ABORTED)
    for _ in range(sum(versions.values())):
        await deliver(ERP)
        await deliver(NEW)
    assert dict(ledger) == {one: list(range(1, last + 1)) for one, last in versions.items() if last}
