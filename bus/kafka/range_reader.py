"""Reading a range of the log directly, with a plain consumer: no group, no framework."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import make_consumer, stop_consumer
from bus.kafka.topic_ids import topic_id
from bus.settings import Settings
from bus.wire.headers import present
from bus.wire.record import Record

POLL_MS = 500
FETCH_WAIT_MS_MAX = 20
NO_PROGRESS_S_MAX = 15.0
CALL_S_MAX = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """All that the log holds of a partition in [start, end); offsets in between without a record do not exist there."""

    partition: int
    start: int
    end: int
    records: tuple[Record, ...]


class RangeReader:
    """One plain consumer, made when first needed and made anew after a failure; one caller reads at a time."""

    def __init__(self, make_consumer: Callable[[], AIOKafkaConsumer]) -> None:
        self._make = make_consumer
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()

    def another(self) -> "RangeReader":
        """Make another reader with a consumer of its own; the caller closes it."""
        return RangeReader(self._make)

    async def ends(self, topic: str, partitions: Iterable[int]) -> Mapping[int, int]:
        """Give the offset after the last readable record of each partition. Raises KafkaUnavailable."""
        wanted = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        if not wanted:
            return {}
        async with self._turn, self._working() as consumer, asyncio.timeout(CALL_S_MAX):
            found = await consumer.end_offsets(wanted)
        return {one.partition: offset for one, offset in found.items()}

    async def starts(self, topic: str, partitions: Iterable[int]) -> Mapping[int, int]:
        """Give the offset of the first record that each partition still has. Raises KafkaUnavailable."""
        wanted = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        if not wanted:
            return {}
        async with self._turn, self._working() as consumer, asyncio.timeout(CALL_S_MAX):
            found = await consumer.beginning_offsets(wanted)
        return {one.partition: offset for one, offset in found.items()}

    async def topic_id(self, topic: str) -> UUID | None:
        """Give the id of a topic as it is now; None where there is no such topic. Raises KafkaUnavailable."""
        async with self._turn, self._working() as consumer, asyncio.timeout(CALL_S_MAX):
            return await topic_id(consumer, topic)

    async def read(self, topic: str, partition: int, start: int, end: int, *, most: int) -> AsyncGenerator[Chunk]:
        """Read [start, end) of one partition in chunks of at most `most` records; otherwise like `read_together`."""
        async with aclosing(self.read_together(topic, {partition: (start, end)}, most=most)) as polls:
            async for chunks in polls:
                for chunk in chunks:
                    yield chunk

    async def read_together(
        self, topic: str, ranges: Mapping[int, tuple[int, int]], *, most: int
    ) -> AsyncGenerator[list[Chunk]]:
        """Read a range [start, end) of each partition, in order and without overlap, at most `most` records at a time.

        Offsets that the log does not hold (transaction markers, compacted or deleted records) are passed over with
        the consumer's own position. Blocks while the consumer works. Raises KafkaUnavailable.
        """
        at = {TopicPartition(topic, one): start for one, (start, end) in ranges.items() if start < end}
        if not at:
            return
        async with self._turn, self._working() as consumer:
            consumer.assign(list(at))
            for where, start in at.items():
                consumer.seek(where, start)
            progress_at = monotonic()
            while at:
                async with asyncio.timeout(CALL_S_MAX):
                    found = await consumer.getmany(*at, timeout_ms=POLL_MS, max_records=most)
                    positions = {where: await consumer.position(where) for where in at}
                chunks = []
                for where, position in positions.items():
                    start, end = at[where], ranges[where.partition][1]
                    if position > start:
                        records = tuple([record_of(one) for one in found.get(where, ()) if start <= one.offset < end])
                        at[where] = min(position, end)
                        chunks.append(Chunk(partition=where.partition, start=start, end=at[where], records=records))
                    if position >= end:
                        del at[where]
                        consumer.pause(where)  # else it would go on fetching what nobody asks for
                if chunks:
                    yield chunks
                    progress_at = monotonic()
                elif monotonic() - progress_at > NO_PROGRESS_S_MAX:
                    raise KafkaUnavailable(f"{topic}: nothing arrived at {_offsets_text(at)}")

    async def close(self) -> None:
        """Close the consumer; idempotent."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[AIOKafkaConsumer]:
        try:
            if self._consumer is None:
                consumer = self._consumer = self._make()
                async with asyncio.timeout(CALL_S_MAX):
                    await consumer.start()
            yield self._consumer
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            await self.close()
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[RangeReader]:
    """Open a reader whose fetches wait briefly: the next range begins only when the last fetch has come back."""
    reader = RangeReader(lambda: make_consumer(settings, fetch_max_wait_ms=FETCH_WAIT_MS_MAX))
    try:
        yield reader
    finally:
        await reader.close()


async def ahead(polls: AsyncGenerator[list[Chunk]]) -> AsyncGenerator[list[Chunk]]:
    """Ask for the next chunks while the last ones are being worked on; closes `polls` in the end."""
    coming = asyncio.ensure_future(anext(polls, None))
    try:
        while chunks := await coming:
            coming = asyncio.ensure_future(anext(polls, None))
            yield chunks
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        await polls.aclose()


def record_of(one: ConsumerRecord) -> Record:
    """Take over a consumer's record."""
    return Record(
        topic=one.topic,
        partition=one.partition,
        offset=one.offset,
        key=one.key,
        value=one.value,
        headers=present(one.headers),
        timestamp_ms=one.timestamp,
    )


def _offsets_text(at: Mapping[TopicPartition, int]) -> str:
    return ", ".join(f"{where.partition}@{offset}" for where, offset in at.items())
