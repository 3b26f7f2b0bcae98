"""How much the relay takes at once, by bytes as by rows."""

from collections import Counter
from collections.abc import Sequence

import pytest

from bus.intake.dispatch import Dispatcher
from bus.outbox.outbox_row import OutboxRow
from bus.outbox.record import OutboxRecord, queue
from bus.outbox.relay import SHARD_BYTES_MAX, Relay
from bus.postgres.pool import Pool, connected
from schemas.topics import COMMANDS, DEADLETTER
from tests.domain.people import START
from tests.store.relay_watch import read
from tests.store.test_relay import drained, worked_on

MIB = 1024 * 1024


async def test_sizes_rows_of_a_mebibyte_are_no_one_batch_be_they_events_or_records(
    relay: Relay, dispatcher: Dispatcher, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ticket_id,) = await worked_on(dispatcher, tickets=1, notes=10)
    await read(pool, "DELETE FROM outbox WHERE topic <> 'ticket.events' AND published_at IS NULL RETURNING 1")
    large = "UPDATE events SET value = decode(repeat('00', %s), 'hex') WHERE ticket_id = %s RETURNING 1"
    await read(pool, large, MIB, ticket_id)
    record = OutboxRecord(topic=DEADLETTER, key="k", value=bytes(MIB), timestamp=START)
    async with connected(pool) as connection:
        await queue(connection, [record] * 10)
        bodies = OutboxRecord(topic=COMMANDS, key="k", value=b"", headers=(("h", "x" * MIB),), timestamp=START)
        await queue(connection, [bodies] * 10)
    passes, send = list[Counter[int]](), relay._send

    async def counted(_self: Relay, rows: Sequence[OutboxRow]) -> list[int]:
        passes.append(Counter(row.shard for row in rows))
        return await send(rows)

    monkeypatch.setattr(Relay, "_send", counted)
    await drained(relay)
    assert sum(passes, Counter()).total() == 32
    assert max(max(one.values()) for one in passes) == SHARD_BYTES_MAX // MIB
