"""Reading the log for subscribers: a port, and Kafka behind it. Topics go by their logical names."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from bus.errors import BusError, KafkaUnavailable
from bus.kafka import make_consumer, touch
from bus.settings import Settings
from bus.stage.log_reader import record_of
from bus.stage.record import Record
from bus.topics import Contract, physical

READ_RECORDS_MAX = 500
POLL_MS = 500
CALL_S_MAX = 10.0


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


Positions = dict[Place, int]
"""The next offset to read, by place."""


class OffsetGone(BusError):
    """The log no longer holds, or does not yet hold, the offset asked for."""


class LogReader(Protocol):
    """A reader that stands somewhere in the log."""

    async def read(self) -> Sequence[Record]:
        """Read on, in order per place; waits a moment for news and may come back without. Raises KafkaUnavailable."""
        ...

    async def positions(self) -> Positions:
        """Tell where it stands, offsets that hold no record included."""
        ...


class LogSource(Protocol):
    """The log as subscribers read it."""

    async def starts(self, topics: Iterable[str]) -> Positions:
        """Tell the first offsets held. Raises KafkaUnavailable."""
        ...

    async def ends(self, topics: Iterable[str]) -> Positions:
        """Tell the offsets that come next. Raises KafkaUnavailable."""
        ...

    def reader(self, positions: Mapping[Place, int]) -> AbstractAsyncContextManager[LogReader]:
        """Open a reader at these places. It raises KafkaUnavailable and OffsetGone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaLog:
    """Kafka by plain consumers: assigned partitions, no group, nothing committed."""

    settings: Settings
    contract: Contract

    async def starts(self, topics: Iterable[str]) -> Positions:
        """Ask the brokers."""
        places = self._places(topics)
        async with self._consumer() as consumer:
            found = await consumer.beginning_offsets([self._physical(place) for place in places])
        return {place: found[self._physical(place)] for place in places}

    async def ends(self, topics: Iterable[str]) -> Positions:
        """Ask the brokers."""
        places = self._places(topics)
        async with self._consumer() as consumer:
            found = await consumer.end_offsets([self._physical(place) for place in places])
        return {place: found[self._physical(place)] for place in places}

    async def ping(self) -> None:
        """Touch the brokers. Raises KafkaUnavailable."""
        await touch(self.settings)

    @asynccontextmanager
    async def reader(self, positions: Mapping[Place, int]) -> AsyncIterator["KafkaLogReader"]:
        """Open an own consumer at these places."""
        async with self._consumer() as consumer:
            places = {self._physical(place): place for place in positions}
            consumer.assign(list(places))
            for partition, place in places.items():
                consumer.seek(partition, positions[place])
            yield KafkaLogReader(consumer, places)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = make_consumer(self.settings, auto_offset_reset="none", max_partition_fetch_bytes=512 * 1024)
        try:
            async with asyncio.timeout(CALL_S_MAX):
                await consumer.start()
            yield consumer
        except OffsetOutOfRangeError as error:
            raise OffsetGone(str(error)) from error
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}") from error
        finally:
            await _let_go(consumer)

    def _places(self, topics: Iterable[str]) -> list[Place]:
        known = self.contract.topics
        return [Place(topic, number) for topic in topics for number in range(known[topic].partitions)]

    def _physical(self, place: Place) -> TopicPartition:
        return TopicPartition(physical(self.settings.namespace, place.topic), place.partition)


@dataclass(frozen=True, slots=True)
class KafkaLogReader:
    """A consumer with its partitions under their logical names."""

    consumer: AIOKafkaConsumer
    places: Mapping[TopicPartition, Place]

    async def read(self) -> Sequence[Record]:
        """Poll once."""
        found = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=READ_RECORDS_MAX)
        return [
            replace(record_of(one), topic=self.places[partition].topic)
            for partition, records in found.items()
            for one in records
        ]

    async def positions(self) -> Positions:
        """Ask the consumer, not the brokers."""
        return {place: await self.consumer.position(partition) for partition, place in self.places.items()}


async def _let_go(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer in a task of its own: its stop swallows a cancellation, which must reach the caller."""
    stopping = asyncio.create_task(_stop(consumer))
    _STOPPING.add(stopping)
    stopping.add_done_callback(_STOPPING.discard)
    await asyncio.shield(stopping)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(CALL_S_MAX):
            await consumer.stop()
    except (KafkaError, OSError):
        return  # it is gone one way or the other


_STOPPING: set["asyncio.Task[None]"] = set()  # the loop itself keeps no task alive
