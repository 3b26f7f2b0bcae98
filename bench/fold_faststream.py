"""The live fold on FastStream, as it advises for throughput: batches, acknowledged after the handler's transaction."""

import asyncio
import os
import sys

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from bench.fold import opened, read_model
from bus.postgres.pool import connected
from bus.wire.event_reader import EventReader
from bus.wire.record import Record
from projections.store import ProjectionHandler

_BATCH = 2_000
_BATCH_WITHIN_MS = 20


async def main(topic: str, table: str) -> None:
    """Fold until SIGTERM. The fold itself passes over versions that it knows, so a repeat does no harm."""
    broker = KafkaBroker(os.environ["KAFKA_BOOTSTRAP"], logger=None)
    async with opened(os.environ["DATABASE_URL"]) as (pool, codec):
        handler = ProjectionHandler(read_model(table), EventReader(decode=codec.decode))

        async def fold(values: list[bytes]) -> None:
            async with connected(pool) as connection:
                await handler.handle(connection, [_record(topic, value) for value in values])

        broker.subscriber(
            topic,
            group_id=topic,
            batch=True,
            max_records=_BATCH,
            batch_timeout_ms=_BATCH_WITHIN_MS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
        )(fold)
        await FastStream(broker, logger=None).run()


def _record(topic: str, value: bytes) -> Record:
    return Record(topic=topic, partition=0, offset=0, key=None, value=value, headers=(), timestamp_ms=0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
