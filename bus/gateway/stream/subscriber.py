"""One subscriber: catches up from its cursor by a reader of its own, then live, without loss or repeat."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from bus.gateway import metrics
from bus.gateway.stream.cursor import write_cursor
from bus.gateway.stream.dedup import Dedup
from bus.gateway.stream.event_frame import Frame, StreamEvent
from bus.gateway.stream.hub import StreamHub, StreamSubscription, begin_again, refuse_outside, warm
from bus.kafka.tail_reader import Partition, Positions
from bus.wire.record import Record

ATTACH_GAP_RECORDS = 200
"""How near to the tail the queue is opened: what remains is read while the queue fills."""


class StreamSubscriber:
    """Yields events in order per partition; `cursor` is where the subscriber stands, for the sender to move."""

    def __init__(
        self, hub: StreamHub, topics: Sequence[str], positions: Mapping[Partition, int], *, synthetic: bool = False
    ) -> None:
        """Stand at these positions, which cover every partition of the topics; `synthetic`: virtual tickets, too."""
        self.subscription = StreamSubscription(topics, hub.waiting_max, synthetic=synthetic)
        self.cursor = write_cursor(positions)
        self._positions: Positions = dict(positions)
        self._hub = hub
        self._repeats = Dedup()
        self._attached: Positions = {}
        self._ahead: Positions = {}

    def begin(self) -> None:
        """Go live at once from where the tail stands; does not await, so nothing slips between."""
        if self._positions == self._hub.of(self.subscription.topics):
            self._attached = self._hub.attach(self.subscription)

    async def batches(self) -> AsyncGenerator[Sequence[StreamEvent]]:
        """Yield what follows the positions, for ever. Raises HttpProblem (410), Transient, OffsetGone."""
        if not self._attached:
            async with self._hub.catching_up, aclosing(self._catch_up()) as batches:
                async for batch in batches:
                    yield batch
            # Who came with a cursor of another gateway may be ahead of this tail.
            self._ahead = {place: at for place, at in self._positions.items() if at > self._attached[place]}
        while True:
            taken = await self.subscription.take()
            if fresh := [event for event in taken if event.record.offset >= self._ahead.get(event.place, 0)]:
                yield fresh

    def end(self) -> None:
        """Leave the tail. Idempotent."""
        self._hub.detach(self.subscription)

    def frame(self, event: StreamEvent) -> Frame:
        """Give the next event as this subscriber is sent it: all who go with the tail share one frame."""
        if not event.after:
            self._positions[event.place] = event.record.offset + 1
            return event.frame(self._positions)
        if all(event.after[place] >= at for place, at in self._ahead.items()):
            return event.frame_for(self.subscription.topics)
        return event.frame({place: max(at, event.after[place]) for place, at in self._positions.items()})

    def past(self, events: Sequence[StreamEvent]) -> str:
        """Stand after these events, of which those to be sent have their frames; gives the cursor."""
        for event in events:
            if not event.after:
                self._positions[event.place] = event.record.offset + 1
        after = events[-1].after
        return write_cursor({place: max(at, after.get(place, 0)) for place, at in self._positions.items()})

    async def _catch_up(self) -> AsyncGenerator[Sequence[StreamEvent]]:
        """Read on by an own consumer, the only one, up to where the open queue takes over."""
        topics = self.subscription.topics
        asked, reached = dict(self._positions), dict(self._positions)
        async with self._hub.log.reader() as reader:
            bounds = await reader.bounds(topics)
            refuse_outside(bounds, asked)
            reader.read_from(warm(bounds.starts, asked))
            while True:
                if not self._attached and self._gap(self._hub.of(topics), reached) <= ATTACH_GAP_RECORDS:
                    self._attached = self._hub.attach(self.subscription)
                    if not self._attached:  # the tail lost its place meanwhile
                        raise begin_again()
                if self._attached and not self._gap(self._attached, reached):
                    return
                records = await reader.read()
                if fresh := [event for record in records if (event := self._fresh(record, asked, reached))]:
                    yield fresh
                if not records:
                    stands = await reader.positions()
                    reached = {place: max(offset, stands[place]) for place, offset in reached.items()}
                await asyncio.sleep(0)  # what Kafka has sent already is read without a pause

    def _fresh(self, record: Record, asked: Positions, reached: Positions) -> StreamEvent | None:
        """Give what the subscriber has not had; what the open queue has too is left to the queue."""
        event = StreamEvent(record, self._hub.decode)
        repeated = self._repeats.repeated(event.place, event.ticket_id, event.version)
        reached[event.place] = max(reached[event.place], record.offset + 1)
        if record.offset < asked[event.place] or not self.subscription.wants(event):
            return None
        if self._attached and record.offset >= self._attached[event.place]:
            return None
        if repeated:
            metrics.STREAM_REPEATS.labels(record.topic).inc()
            return None
        return event

    def _gap(self, ahead: Positions, behind: Positions) -> int:
        return sum(max(0, offset - behind[place]) for place, offset in ahead.items())
