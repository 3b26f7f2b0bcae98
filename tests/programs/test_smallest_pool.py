"""The worker's pool, no larger than it must be: who holds a connection and takes a second one always gets it."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from bus.alerts.log_sink import log_alert
from bus.delivery.enqueue_handler import EnqueueHandler
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.delivery.targets_config import TargetsConfig
from bus.intake.commands_topic import COMMANDS_HANDLER, CommandsTranslator
from bus.intake.dispatch import Dispatcher
from bus.intake.dispatch_handler import DispatchHandler
from bus.kafka.range_reader import RangeReader
from bus.postgres.pool import Pool, connected, in_transaction, open_pool
from bus.postgres.store import PostgresStore
from bus.stage import offsets
from bus.stage.handler import Handler
from bus.stage.runner import Runner
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from bus.wire.rejected_input import RejectedInput
from deadletter import redrive_store
from deadletter.redrive_policy import RedriveLimits
from deadletter.redrive_store import DeadLetterQuery, freeze
from deadletter.redrive_worker import carry_out_running
from deadletter.rejected_inputs import PostgresRejectedInputs
from projections.read_models import TICKET_MODELS
from projections.store import ProjectionHandler
from schemas.topics import load_contract
from tests.bus_under_test import eventually
from tests.databases import KEYS
from tests.deadletter.letters import DECISION
from tests.delivery.conftest import delivery_queue
from tests.delivery.deliveries import DeliveryQueue
from tests.delivery.scripted import Scripted, delivery_workers, plan, utc_now
from tests.gateway.fakes import RULES
from tests.schemas.codecs import CODEC
from tests.store.conftest import database, pool

__all__ = ["database", "delivery_queue", "pool"]

STAGES, TARGETS, REDRIVES, ROUNDS = 7, [f"t{n}" for n in range(20)], 3, 4
TERMS = RedriveLimits(canary=1, watch=timedelta(0), rate_per_s=1000)


class KeptTogether:
    """Takes rejected input once every stage, in its transaction, has some: then each wants a second connection."""

    def __init__(self, pool: Pool) -> None:
        self.all = asyncio.Barrier(STAGES)
        self._kept = PostgresRejectedInputs(pool, CODEC.encode_record, KEYS, report=log_alert)

    async def keep(self, inputs: Sequence[RejectedInput]) -> None:
        """Wait for the others, then keep."""
        if inputs:
            await self.all.wait()
            await self._kept.keep(inputs)


def handlers(pool: Pool) -> list[Handler]:
    """Make five handlers whose rejected input is kept by a connection of its own."""
    refused = KeptTogether(pool)
    events = EventReader(decode=CODEC.decode, keep=refused.keep)
    dispatcher = Dispatcher(store=PostgresStore(pool, CODEC, load_contract(), KEYS), rules=RULES)
    config = TargetsConfig(targets={name: plan() for name in TARGETS})
    return [
        *(ProjectionHandler(model, events) for model in TICKET_MODELS.values()),
        EnqueueHandler(events=events, config=config, now=utc_now),
        DispatchHandler(
            name=COMMANDS_HANDLER,
            translator=CommandsTranslator(codec=CODEC, bytes_max=1000),
            dispatcher=dispatcher,
            refused=refused,
            know=nothing_more,
        ),
    ]


def junk(offset: int) -> Record:
    """Give a record that nobody can read."""
    return Record(topic="t", partition=0, offset=offset, key=b"k", value=b"junk", headers=(), timestamp_ms=0)


async def letters(delivery_queue: DeliveryQueue) -> None:
    """Let three targets have a letter each."""

    async def reject(_call: Call) -> None:
        raise DeliveryFailed(FailureKind.REJECTED, "no such material")

    async def parked() -> bool:
        return await delivery_queue.rows("SELECT count(*) FROM letters") == [(REDRIVES,)]

    async with AsyncExitStack() as stack:
        for name in TARGETS[:REDRIVES]:
            await delivery_queue.add(("R", 1), target=name, now=utc_now())
            await stack.enter_async_context(delivery_workers(delivery_queue.pool, Scripted(before=reject), name=name))
        await eventually(parked)


async def frozen(delivery_queue: DeliveryQueue, target: str) -> int:
    """Freeze a target's letter and let it go."""
    query = DeadLetterQuery(target=target)
    made = await in_transaction(delivery_queue.pool, freeze, query, TERMS, DECISION, CODEC.encode_record)
    await in_transaction(delivery_queue.pool, redrive_store.begin, made.id)
    return made.id


async def test_smallest_pool_three_redrives_seven_stages_and_twenty_targets_get_on(
    delivery_queue: DeliveryQueue, database: str
) -> None:
    await letters(delivery_queue)
    for name in TARGETS:
        await delivery_queue.add(*((f"A{n}", version) for n in range(3) for version in (1, 2)), target=name)
    called = {name: Scripted() for name in TARGETS}

    async def settled() -> bool:
        left = "SELECT (SELECT count(*) FROM delivery_heads), (SELECT count(*) FROM redrives WHERE state <> 'done')"
        return await delivery_queue.rows(left) == [(0, 0)]

    async with open_pool(database, size=STAGES + 1) as small, AsyncExitStack() as stack, asyncio.timeout(60):
        staged = handlers(small)
        assert len(staged) == STAGES
        async with connected(small) as connection:
            await offsets.begin(connection, [one.name for one in staged], "t", [0])
        runner = Runner(topic="t", pool=small, reader=no_reader(), now=lambda: datetime.now(UTC), report=log_alert)
        for name, target in called.items():
            await stack.enter_async_context(delivery_workers(small, target, name=name))
        redriving = asyncio.create_task(carry_out_running(small, utc_now, CODEC.encode_record, log_alert))
        for name in TARGETS[:REDRIVES]:
            await frozen(delivery_queue, name)
        for number in range(ROUNDS):
            behind = await asyncio.gather(*(runner.take(handler, [junk(number)]) for handler in staged))
            assert behind == [set()] * STAGES
        await eventually(settled)
        redriving.cancel()
        await asyncio.wait([redriving])
    stands = await delivery_queue.rows("SELECT next_offset, failure FROM stage_offsets")
    assert stands == [(ROUNDS, None)] * STAGES
    assert {name: len(target.order) for name, target in called.items()} == {
        name: 6 + (name in TARGETS[:REDRIVES]) for name in TARGETS
    }


def no_reader() -> RangeReader:
    """Make a reader that is never asked: all records are handed in."""

    def none() -> None:
        raise AssertionError("Kafka is not read")

    return RangeReader(none)
