"""The stage of deliveries: what the log left out is queued from PostgreSQL, in order; what is nowhere stops."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bus.delivery.enqueue_handler import EnqueueHandler, skip_unread
from bus.delivery.targets_config import TargetsConfig
from bus.domain.errors import VersionMissing
from bus.domain.events import Recorded
from bus.postgres.pool import connected
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from deadletter.rejected_inputs import MemoryRejectedInputs
from tests.delivery.deliveries import NOW, DeliveryQueue, event
from tests.delivery.scripted import plan
from tests.schemas.codecs import CODEC

QUEUED = "SELECT target, version FROM deliveries WHERE ticket_id = 'A' ORDER BY target, version"


async def handle(
    delivery_queue: DeliveryQueue,
    events: Sequence[Recorded],
    *targets: str,
    refused: MemoryRejectedInputs | None = None,
) -> None:
    """Give the handler events as the log's records, in a transaction."""
    reader = EventReader(decode=CODEC.decode, keep=(refused or MemoryRejectedInputs()).keep)
    config = TargetsConfig(targets={name: plan() for name in targets})
    records = [
        Record(topic="t", partition=0, offset=n, key=b"k", value=CODEC.encode(one), headers=(), timestamp_ms=0)
        for n, one in enumerate(events)
    ]
    async with connected(delivery_queue.pool) as connection:
        await EnqueueHandler(events=reader, config=config, now=lambda: NOW).handle(connection, records)


def versions(*numbers: int, ticket: str = "A") -> list[Recorded]:
    """Give events of a ticket."""
    return [event(ticket, number) for number in numbers]


async def test_enqueue_handler_versions_that_the_log_left_out_are_queued_for_who_wants_them_in_order(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.hold(*(("A", n) for n in range(1, 8)), ("B", 1))
    await handle(delivery_queue, [*versions(2), event("B", 1)], "erp")
    assert await delivery_queue.rows(QUEUED) == [("erp", 1), ("erp", 2)]
    await handle(delivery_queue, versions(3, 6), "erp", "new")
    await handle(delivery_queue, versions(5, 7), "erp", "new")
    assert await delivery_queue.rows(QUEUED) == [
        *(("erp", n) for n in range(1, 8)),
        *(("new", n) for n in range(3, 8)),
    ]
    heads = await delivery_queue.rows("SELECT version FROM delivery_heads ORDER BY target, ticket_id")
    assert heads == [(1,), (1,), (3,)]


async def test_enqueue_handler_a_target_that_is_added_later_is_not_given_what_was_read_before(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.hold(*(("A", n) for n in range(1, 5)))
    await handle(delivery_queue, versions(1, 2))
    await handle(delivery_queue, versions(4), "erp")
    assert await delivery_queue.rows(QUEUED) == [("erp", 3), ("erp", 4)]


async def test_enqueue_handler_a_version_that_is_nowhere_stops(delivery_queue: DeliveryQueue) -> None:
    await delivery_queue.hold(("A", 1), ("A", 3))
    await handle(delivery_queue, versions(1), "erp")
    with pytest.raises(VersionMissing):
        await handle(delivery_queue, versions(3), "erp")
    assert await delivery_queue.rows(QUEUED) == [("erp", 1)]


async def test_enqueue_handler_an_event_that_postgresql_does_not_hold_is_passed_over_and_counts_for_nothing(
    delivery_queue: DeliveryQueue,
) -> None:
    refused = MemoryRejectedInputs()
    await delivery_queue.hold(*(("A", n) for n in range(1, 5)))
    strays = [*versions(90), replace(event("A", 2), version=70)]
    await handle(delivery_queue, [*versions(1), *strays], "erp", refused=refused)
    await handle(delivery_queue, versions(4), "erp")
    assert {one.code for one in refused.kept.values()} == {"stray_event"}
    assert await delivery_queue.rows(QUEUED) == [("erp", n) for n in range(1, 5)]


async def test_enqueue_handler_what_is_skipped_on_purpose_is_not_taken_as_left_out(
    delivery_queue: DeliveryQueue,
) -> None:
    await delivery_queue.hold(*(("A", n) for n in range(1, 5)))
    await handle(delivery_queue, versions(1), "erp")
    async with connected(delivery_queue.pool) as connection:
        await connection.execute("INSERT INTO ticket_states VALUES ('A', 3, '', '{}')")
        await skip_unread(connection)
    await handle(delivery_queue, versions(4), "erp")
    assert await delivery_queue.rows(QUEUED) == [("erp", 1), ("erp", 4)]
