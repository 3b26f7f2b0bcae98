"""Fills Kafka from PostgreSQL: what a topic lacks goes back into the outbox, and the relay publishes it."""

from collections.abc import Callable

from bus.log.verify import CHUNK, identity, open_log_reader
from bus.partition import partition_of
from bus.postgres.pool import Pool, connected
from bus.postgres.store import columns
from bus.settings import Settings
from bus.topics import LOG, Contract, physical
from schemas.catalogue import EVENT_TYPES

_EVENTS = """
SELECT e.ticket_id, e.version, o.id, o.published_at IS NOT NULL
FROM events e LEFT JOIN outbox o ON o.ticket_id = e.ticket_id AND o.version = e.version AND o.topic = %s
WHERE e.ce_type = ANY(%s) AND (%s OR NOT e.historic) ORDER BY e.ticket_id, e.version"""
_AGAIN = "UPDATE outbox SET published_at = NULL, kafka_offset = NULL WHERE id = ANY(%s)"
_QUEUE = """
INSERT INTO outbox (shard, topic, ticket_id, version)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::int[])"""


async def republish(
    pool: Pool, settings: Settings, contract: Contract, name: str, progress: Callable[[int], None] = lambda _count: None
) -> int:
    """Queue every event that `name` should hold and does not; gives how many. The relay of a worker publishes them.

    Idempotent: what is there, or waits already, is left alone. Raises StoreUnavailable, KafkaUnavailable.
    """
    topic = contract.topics[name]
    there = await _identities(settings, physical(settings.namespace, name), topic.partitions, progress)
    wanted = [one.ce_type for one in EVENT_TYPES if one.cls.__name__ in topic.event_names]
    shards = contract.topics[LOG].partitions
    again: list[int] = []
    new: list[tuple[int, str, str, int]] = []
    async with connected(pool) as connection:
        async with connection.cursor("republish") as rows:
            await rows.execute(_EVENTS, (name, wanted, topic.historic))
            async for ticket_id, version, row_id, published in rows:
                if row_id is None:
                    new.append((partition_of(ticket_id, shards), name, ticket_id, version))
                elif published and (ticket_id, version) not in there:
                    again.append(row_id)
        await connection.execute(_AGAIN, (again,))
        await connection.execute(_QUEUE, columns(new, 4))
    return len(again) + len(new)


async def _identities(
    settings: Settings, topic: str, partitions: int, progress: Callable[[int], None]
) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    async with open_log_reader(settings) as reader:
        ends = await reader.ends(topic, range(partitions))
        for partition, end in ends.items():
            async for chunk in reader.read(topic, partition, 0, end, most=CHUNK):
                found.update(identity(record) for record in chunk.records)
                progress(len(found))
    return found
