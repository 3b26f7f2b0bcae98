"""A record that is published beside ticket events, and its row in the outbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from psycopg.types.json import Jsonb

from bus.postgres.pool import Connection
from bus.postgres.store import columns
from bus.wire.partitioner import partition_of

# Shards of events are partitions, and few. A topic of other records has a shard of its own above them: what Kafka does
# not take there stops that topic alone. Two topics in one shard would only wait for each other.
_FIRST_SHARD = 1_000
_SHARDS = 30_000
_AT_ONCE = 100

_QUEUE = """
INSERT INTO outbox (shard, topic, key, value, headers, timestamp)
SELECT * FROM unnest(%b::smallint[], %b::text[], %b::text[], %b::bytea[], %b::jsonb[], %b::timestamptz[])"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A record as Kafka is to hold it: the key gives the partition, `timestamp` is Kafka's, headers are ordered."""

    topic: str
    key: str
    value: bytes
    headers: Sequence[tuple[str, str]] = ()
    timestamp: datetime


def shard_of(topic: str) -> int:
    """Give the shard of a topic's records; a topic's records are published in the order in which they were queued."""
    return _FIRST_SHARD + partition_of(topic, _SHARDS)


async def queue(connection: Connection, records: Iterable[OutboxRecord]) -> None:
    """Queue records in this transaction, in this order; the relay publishes them once it is committed."""
    left = iter(records)  # so that of many no more than a few are made at a time
    while some := [*islice(left, _AT_ONCE)]:
        rows = [
            (shard_of(one.topic), one.topic, one.key, one.value, Jsonb([*map(list, one.headers)]), one.timestamp)
            for one in some
        ]
        await connection.execute(_QUEUE, columns(rows, 6))
