"""One subscriber's way through the log: from its cursor by an own reader, then live, without loss or repeat."""

from collections.abc import AsyncIterator, Mapping, Sequence

from bus.gateway import metrics
from bus.gateway.log_source import Place, Positions
from bus.gateway.repeats import Repeats
from bus.gateway.stream_event import StreamEvent
from bus.gateway.stream_hub import StreamHub, Subscription, begin_again, warm
from bus.log.record import Record

ATTACH_GAP_RECORDS = 200
"""How near to the tail the queue is opened: what remains is read while the queue fills."""


class Follower:
    """Yields events in order per partition; `positions` is where the subscriber stands once it has them."""

    def __init__(self, hub: StreamHub, topics: Sequence[str], positions: Mapping[Place, int]) -> None:
        """Stand at these positions, which cover every partition of the topics."""
        self.positions: Positions = dict(positions)
        self.subscription = Subscription(topics, hub.waiting_max)
        self._hub = hub
        self._repeats = Repeats()
        self._live = False

    def begin(self) -> None:
        """Go live at once from where the tail stands; does not await, so nothing slips between."""
        if self.positions == self._hub.of(self.subscription.topics):
            self._live = bool(self._hub.attach(self.subscription))

    async def batches(self) -> AsyncIterator[Sequence[StreamEvent]]:
        """Yield what follows the positions, for ever. Raises HttpProblem (410), KafkaUnavailable, OffsetGone."""
        if not self._live:
            async with self._hub.catching_up:
                async for batch in self._catch_up():
                    yield batch
        while True:
            taken = await self.subscription.take()
            if fresh := [event for event in taken if event.record.offset >= self.positions[event.place]]:
                yield fresh

    def end(self) -> None:
        """Leave the tail. Idempotent."""
        self._hub.detach(self.subscription)

    def passed(self, event: StreamEvent) -> None:
        """Move on past an event: the cursor of what was sent includes it."""
        self.positions[event.place] = event.record.offset + 1

    async def _catch_up(self) -> AsyncIterator[Sequence[StreamEvent]]:
        """Read on by an own consumer, the only one, up to where the open queue takes over."""
        topics = self.subscription.topics
        asked, reached = dict(self.positions), dict(self.positions)
        target: Positions | None = None
        async with self._hub.log.reader() as reader:
            starts, ends = await reader.bounds(topics)
            if any(not starts[place] <= offset <= ends[place] for place, offset in asked.items()):
                raise begin_again()  # the log no longer has that place, or never had
            reader.read_from(warm(starts, asked))
            while True:
                if target is None and self._gap(self._hub.of(topics), reached) <= ATTACH_GAP_RECORDS:
                    target = self._hub.attach(self.subscription)
                    if not target:  # the tail lost its place meanwhile
                        raise begin_again()
                if target is not None and not self._gap(target, reached):
                    return
                records = await reader.read()
                fresh = [event for record in records if (event := self._fresh(record, asked, reached, target))]
                if not records:
                    stands = await reader.positions()
                    reached = {place: max(offset, stands[place]) for place, offset in reached.items()}
                if fresh:
                    yield fresh

    def _fresh(
        self, record: Record, asked: Positions, reached: Positions, target: Positions | None
    ) -> StreamEvent | None:
        """Give what the subscriber has not had; what the open queue has too is left to the queue."""
        event = StreamEvent(record, self._hub.codec)
        repeated = self._repeats.repeated(event.place, event.ticket_id, event.version)
        reached[event.place] = max(reached[event.place], record.offset + 1)
        if record.offset < asked[event.place]:
            return None
        if target is not None and record.offset >= target[event.place]:
            return None
        if repeated:
            metrics.STREAM_REPEATS.labels(record.topic).inc()
            return None
        return event

    def _gap(self, ahead: Positions, behind: Positions) -> int:
        return sum(max(0, offset - behind[place]) for place, offset in ahead.items())
