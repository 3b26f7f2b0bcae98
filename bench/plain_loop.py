"""The bare limit of a rebuild: a loop that reads, decodes, folds in memory and upserts, without offsets."""

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.bus import Bus
from bench.records import PARTITIONS
from bus.app import Core
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.postgres.pool import connected
from projections.tickets import write

_BATCH = 2_000
_MAKE = "CREATE TABLE plain_tickets (LIKE tickets INCLUDING ALL) WITH (fillfactor = 70)"
_CHANGES = """
SELECT string_agg(format('%1$I = excluded.%1$I', attname), ', ') FROM pg_attribute
WHERE attrelid = 'plain_tickets'::regclass AND attnum > 0 AND attname <> 'ticket_id'"""
_PUT = """
INSERT INTO plain_tickets SELECT * FROM json_populate_recordset(null::plain_tickets, %s::json)
ON CONFLICT (ticket_id) DO UPDATE SET """


async def plain_loop(bus: Bus, core: Core, topic: str) -> int:
    """Fold a topic into a table of its own; gives how many events were read."""
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    tickets, read = dict[str, Ticket](), 0
    consumer = AIOKafkaConsumer(bootstrap_servers=bus.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    async with connected(core.pool) as connection:
        await connection.execute(_MAKE.encode())
        row = await (await connection.execute(_CHANGES.encode())).fetchone()
        assert row
        put = (_PUT + row[0]).encode()
    await consumer.start()
    try:
        consumer.assign(places)
        left = sum((await consumer.end_offsets(places)).values())
        while read < left:
            changed = dict[str, Ticket]()
            for some in (await consumer.getmany(timeout_ms=500, max_records=_BATCH)).values():
                for one in some:
                    recorded = core.codec.decode(one.value)
                    ticket_id = recorded.ticket_id
                    tickets[ticket_id] = changed[ticket_id] = evolve(tickets.get(ticket_id), recorded)
                    read += 1
            rows = [write(None, ticket)["tickets"][0] for ticket in changed.values()]
            async with connected(core.pool) as connection:
                await connection.execute(put, (orjson.dumps(rows).decode(),))
    finally:
        await consumer.stop()
    return read
