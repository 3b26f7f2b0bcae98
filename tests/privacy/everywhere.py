"""Every byte that a bus has stored: all columns of all tables, all records of all topics."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka.structs import TopicPartition
from psycopg import sql

from bus.app import Core
from bus.kafka.clients import make_consumer
from bus.postgres.pool import connected
from schemas.topics import load_contract, physical

_COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND data_type IN ('text', 'jsonb', 'json', 'bytea', 'ARRAY')"""


async def places_of(core: Core, *texts: str) -> set[str]:
    """Name the columns and topics that hold one of these texts, in clear, as UTF-8 or escaped."""
    found = set[str]()
    async for place, value in _stored(core):
        if any(text.encode() in value or text.encode("unicode_escape") in value for text in texts):
            found.add(place)
    return found


async def _stored(core: Core) -> AsyncIterator[tuple[str, bytes]]:
    async with connected(core.pool) as connection:
        for table, column in await (await connection.execute(_COLUMNS)).fetchall():
            query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), sql.Identifier(table))
            for (value,) in await (await connection.execute(query)).fetchall():
                yield f"{table}.{column}", value if isinstance(value, bytes) else repr(value).encode()
    for topic, record in await _records(core):
        headers = b"".join(value or b"" for _, value in record.headers)
        yield topic, (record.key or b"") + (record.value or b"") + headers


async def _records(core: Core) -> list[tuple[str, Any]]:
    """List what stands in all topics now, by one consumer."""
    named = {physical(core.settings.namespace, name): (name, one) for name, one in load_contract().topics.items()}
    partitions = [TopicPartition(name, n) for name, (_, one) in named.items() for n in range(one.partitions)]
    found, consumer = list[tuple[str, Any]](), make_consumer(core.settings)
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends, starts = await consumer.end_offsets(partitions), await consumer.beginning_offsets(partitions)
        full = [one for one in partitions if starts[one] < ends[one]]
        consumer.assign(full)
        await consumer.seek_to_beginning(*full)
        while any([await consumer.position(one) < ends[one] for one in full]):
            for place, batch in (await consumer.getmany(timeout_ms=1_000)).items():
                found += [(named[place.topic][0], record) for record in batch]
    finally:
        await consumer.stop()
    return found
