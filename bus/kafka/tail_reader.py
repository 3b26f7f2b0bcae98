"""Reading the log for subscribers: a port, and Kafka behind it. Topics go by their logical names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from bus.domain.errors import BusError, KafkaUnavailable
from bus.kafka.clients import make_consumer, stop_consumer, touch
from bus.kafka.range_reader import record_of
from bus.settings import Settings
from bus.wire.record import Record
from bus.wire.record_reader import nothing_more
from schemas.topics import Contract, physical

READ_RECORDS_MAX = 100
FETCH_BYTES_MAX = 128 * 1024  # of a partition: so much waits in memory, for each that catches up
POLL_MS = 500
CALL_S_MAX = 10.0

LOG_APART = 10**12  # offsets that a log before the present one never reached

Know = Callable[[Iterable[bytes | None]], Awaitable[None]]
"""Look up the schemas of values that were registered after this gateway started. Raises Transient."""


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


Positions = dict[Partition, int]
"""The next offset to read, by place."""


class Bounds(NamedTuple):
    """What the log holds: the first offsets, and those that come next."""

    starts: Positions
    ends: Positions


class OffsetGone(BusError):
    """The log no longer holds, or does not yet hold, the offset asked for."""


class TailReader(Protocol):
    """A reader of some topics: it reads from where it was set."""

    async def bounds(self, topics: Iterable[str]) -> Bounds:
        """Give the first and end offsets of these topics; safe while another task reads. Raises KafkaUnavailable."""
        ...

    async def since(self, topics: Iterable[str], at: datetime) -> Positions:
        """Give the offsets of the first records of that time or later, or what comes next; Kafka's own clock.

        Safe while another task reads. Raises KafkaUnavailable.
        """
        ...

    def read_from(self, positions: Mapping[Partition, int]) -> None:
        """Set it at these places."""
        ...

    async def read(self) -> Sequence[Record]:
        """Read on, in order per place; waits a moment for news and may come back without.

        Raises KafkaUnavailable, and Transient while it cannot be known what the records are: open another reader then.
        """
        ...

    async def positions(self) -> Positions:
        """Tell where it stands, offsets that hold no record included."""
        ...


class LogSource(Protocol):
    """The log as subscribers read it."""

    def reader(self) -> AbstractAsyncContextManager[TailReader]:
        """Open a reader, which costs a consumer. It raises KafkaUnavailable and OffsetGone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaLog:
    """Kafka by plain consumers: assigned partitions, no group, nothing committed.

    `before`: how many logs there were before the present one. Offsets of each count from LOG_APART more than those of
    the last, so that no cursor of an older one names a place here.
    """

    settings: Settings
    contract: Contract
    know: Know = nothing_more
    before: int = 0

    async def ping(self) -> None:
        """Touch the brokers. Raises KafkaUnavailable."""
        await touch(self.settings)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator["KafkaTailReader"]:
        """Open an own consumer."""
        consumer = make_consumer(self.settings, auto_offset_reset="none", max_partition_fetch_bytes=FETCH_BYTES_MAX)
        try:
            async with asyncio.timeout(CALL_S_MAX):
                await consumer.start()
            first = self.before * LOG_APART
            yield KafkaTailReader(consumer, self.settings.namespace, self.contract, self.know, first)
        except OffsetOutOfRangeError as error:
            raise OffsetGone(str(error)) from error
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
        finally:
            await _let_go(consumer)


@dataclass(frozen=True, slots=True)
class KafkaTailReader:
    """A consumer with its partitions under their logical names; its offsets count from `first`."""

    consumer: AIOKafkaConsumer
    namespace: str
    contract: Contract
    know: Know
    first: int = 0
    _places: dict[TopicPartition, Partition] = field(default_factory=dict)

    async def bounds(self, topics: Iterable[str]) -> Bounds:
        """Ask the brokers."""
        places = self._places_of(topics)
        partitions = [self._physical(place) for place in places]
        try:
            async with asyncio.timeout(CALL_S_MAX):
                first = await self.consumer.beginning_offsets(partitions)
                after = await self.consumer.end_offsets(partitions)
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
        both = list(zip(places, partitions, strict=True))
        return Bounds(
            {place: self.first + first[one] for place, one in both},
            {place: self.first + after[one] for place, one in both},
        )

    async def since(self, topics: Iterable[str], at: datetime) -> Positions:
        """Ask the brokers."""
        places = {self._physical(place): place for place in self._places_of(topics)}
        time_ms = max(int(at.timestamp() * 1000), 0)
        try:
            async with asyncio.timeout(CALL_S_MAX):
                after = await self.consumer.end_offsets(list(places))
                found = await self.consumer.offsets_for_times(dict.fromkeys(places, time_ms))
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
        return {
            place: self.first + (first.offset if (first := found[one]) else after[one]) for one, place in places.items()
        }

    def read_from(self, positions: Mapping[Partition, int]) -> None:
        """Assign and seek."""
        self._places.clear()
        self._places.update({self._physical(place): place for place in positions})
        self.consumer.assign(list(self._places))
        for partition, place in self._places.items():
            self.consumer.seek(partition, positions[place] - self.first)

    async def read(self) -> Sequence[Record]:
        """Poll once."""
        found = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=READ_RECORDS_MAX)
        await self.know(one.value for records in found.values() for one in records)
        return [
            replace(record_of(one), topic=self._places[partition].topic, offset=self.first + one.offset)
            for partition, records in found.items()
            for one in records
        ]

    async def positions(self) -> Positions:
        """Ask the consumer, not the brokers."""
        return {
            place: self.first + await self.consumer.position(partition) for partition, place in self._places.items()
        }

    def _places_of(self, topics: Iterable[str]) -> list[Partition]:
        known = self.contract.topics
        return [Partition(topic, number) for topic in topics for number in range(known[topic].partitions)]

    def _physical(self, place: Partition) -> TopicPartition:
        return TopicPartition(physical(self.namespace, place.topic), place.partition)


async def _let_go(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer in a task of its own: its stop swallows a cancellation, which must reach the caller."""
    stopping = asyncio.create_task(stop_consumer(consumer))
    _STOPPING.add(stopping)
    stopping.add_done_callback(_STOPPING.discard)
    await asyncio.shield(stopping)


_STOPPING: set["asyncio.Task[None]"] = set()  # the loop itself keeps no task alive
