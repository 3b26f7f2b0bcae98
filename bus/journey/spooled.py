"""Requests that wait on `ticket.intake`: what the gateway took while PostgreSQL was away, and nobody has read yet."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bus.domain.errors import KafkaUnavailable, MalformedInput
from bus.intake.intake_topic import INTAKE_HANDLER
from bus.kafka.range_reader import RangeReader, open_reader
from bus.postgres.pool import Pool, connected
from bus.settings import Settings
from bus.stage.offsets import positions
from bus.wire.codec import Codec
from bus.wire.numbers_in import numbers_in, phones_in
from bus.wire.record import Record
from bus.wire.undecodable import read_value
from schemas.messages import RequestReceived

LOOKED_THROUGH_MAX: Final = 20_000  # records a partition, the oldest first
KAFKA_S_MAX: Final = 2.0  # for the first answer: whoever asks where a ticket is does not wait for a broker that hangs
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledRequest:
    """A request that waits; `place` is its partition and offset, `ahead` what is to be read before it."""

    source: str
    delivery_id: str
    received_at: datetime
    trace_id: str
    place: str
    ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFound:
    """What a search found, and what it did not look through: `unread` records behind, or all, as Kafka is away."""

    requests: Sequence[SpooledRequest] = ()
    unread: int = 0
    kafka_away: bool = False


NOTHING_SPOOLED: Final = SpoolFound()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSearch:
    """Looks through what waits; opens a consumer for each search, which few need."""

    settings: Settings
    codec: Codec
    pool: Pool
    topic: str
    partitions: int

    async def __call__(self, names: Sequence[str], phones: Sequence[str] = ()) -> SpoolFound:
        """Find the requests that mention one of the names or phones, in order. Raises StoreUnavailable."""
        async with connected(self.pool) as connection:
            rows = await positions(connection, [INTAKE_HANDLER])
        at = {one.partition: one.next_offset for one in rows}
        found, unread = list[SpooledRequest](), 0
        wanted, called = {*names, *phones}, {*phones}

        def mentioned(one: RequestReceived) -> bool:
            named = wanted & {one.delivery_id, one.trace_id, *numbers_in(one.body)}
            return bool(named or (called and called & phones_in(one.body)))

        try:
            async with open_reader(self.settings) as reader:
                async with asyncio.timeout(KAFKA_S_MAX):
                    ends = await reader.ends(self.topic, range(self.partitions))
                for partition, end in ends.items():
                    start = at.get(partition, 0)
                    last = min(end, start + LOOKED_THROUGH_MAX)
                    found += await self._of(reader, partition, start, last, mentioned)
                    unread += max(0, end - last)
        except (KafkaUnavailable, TimeoutError):
            return SpoolFound(requests=found, kafka_away=True)
        return SpoolFound(requests=found, unread=unread)

    async def _of(
        self, reader: RangeReader, partition: int, start: int, end: int, mentioned: Callable[[RequestReceived], bool]
    ) -> list[SpooledRequest]:
        found = list[SpooledRequest]()
        async with aclosing(reader.read(self.topic, partition, start, end, most=_AT_ONCE)) as chunks:
            async for chunk in chunks:
                read = [(record, self._received(record)) for record in chunk.records]
                found += [
                    SpooledRequest(
                        source=one.source,
                        delivery_id=one.delivery_id,
                        received_at=one.received_at,
                        trace_id=one.trace_id,
                        place=f"{partition}@{record.offset}",
                        ahead=record.offset - start,
                    )
                    for record, one in read
                    if one is not None and mentioned(one)
                ]
        return found

    def _received(self, record: Record) -> RequestReceived | None:
        try:
            return read_value(self.codec, record, RequestReceived)
        except MalformedInput:  # the intake stage keeps it with its reason
            return None
