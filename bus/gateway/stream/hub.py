"""The shared tail of the log: one consumer per gateway reads every public topic and fans out to the subscribers."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from bus.domain.errors import KafkaUnavailable, Transient
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.http.problems import HttpProblem
from bus.gateway.stream.dedup import REPEAT_RECORDS_MAX, Dedup
from bus.gateway.stream.event_frame import Decode, StreamEvent
from bus.kafka.tail_reader import Bounds, LogSource, OffsetGone, Partition, Positions, TailReader
from bus.wire.record import Record
from schemas.topics import PROBE

WAITING_MAX = 1000
WAITING_BYTES_MAX = 8 * 1024 * 1024
TAKEN_BYTES_MAX = 16 * 1024  # as Avro, which is a few times that as JSON
OFFERS_AT_ONCE = 500
"""After so many events other requests and the subscribers themselves have their turn."""

CATCHING_UP_MAX = 16
RETRY_S = 1.0
log = structlog.get_logger()


class StreamSubscription:
    """A bounded queue of one subscriber. Once `ended`, `why` says so and nothing more is queued."""

    def __init__(self, topics: Iterable[str], waiting_max: int = WAITING_MAX, *, synthetic: bool = False) -> None:
        """Begin empty."""
        self.topics = frozenset(topics)
        self._synthetic = synthetic
        self.ended = asyncio.Event()
        self.why: HttpProblem | None = None
        self._waiting: deque[StreamEvent] = deque()
        self._waiting_max = waiting_max
        self._bytes = 0
        self._arrived = asyncio.Event()

    def wants(self, event: StreamEvent) -> bool:
        """Say whether an event is for it: a virtual ticket's of `ticket.events` only where it asked for those."""
        topic = event.place.topic
        return topic in self.topics and (self._synthetic or topic == PROBE or not event.synthetic)

    def offer(self, event: StreamEvent) -> None:
        """Queue an event; never blocks. A queue that is full ends the subscription: a slow reader is cut."""
        if self.ended.is_set():
            return
        self._bytes += event.bytes
        if len(self._waiting) >= self._waiting_max or self._bytes > WAITING_BYTES_MAX:
            self.end(slow_reader())
            self._waiting.clear()
        else:
            self._waiting.append(event)
            self._arrived.set()

    def end(self, why: HttpProblem) -> None:
        """End the subscription; the first reason stands."""
        self.why = self.why or why
        self.ended.set()

    async def take(self) -> list[StreamEvent]:
        """Take of what waits as much as goes out in one write; blocks until there is something."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        taken, size = [], 0
        while self._waiting and size < TAKEN_BYTES_MAX:
            taken.append(event := self._waiting.popleft())
            size += event.bytes
        self._bytes -= size
        return taken


class StreamHub:
    """Reads from now on; `positions` is where the tail stands, empty until it knows."""

    def __init__(
        self, log_source: LogSource, decode: Decode, topics: Iterable[str], waiting_max: int = WAITING_MAX
    ) -> None:
        """Begin without subscribers."""
        self.log, self.decode, self.topics = log_source, decode, tuple(topics)
        self.waiting_max = waiting_max
        self.positions: Positions = {}
        self.catching_up = asyncio.Semaphore(CATCHING_UP_MAX)
        self._repeats = Dedup()
        self._subscriptions: set[StreamSubscription] = set()
        self._known = asyncio.Event()
        self._tail: TailReader | None = None

    async def known(self, topics: Iterable[str]) -> Positions:
        """Give the tail's positions of these topics; waits until the tail knows them."""
        while not (positions := self.of(topics)):  # it may be known and lost again before we are asked
            await self._known.wait()
        return positions

    async def bounds(self, topics: Iterable[str]) -> Bounds:
        """Tell what the log holds of these topics, by the tail's own consumer. Raises KafkaUnavailable."""
        if self._tail is None:
            raise KafkaUnavailable("the stream itself waits for Kafka")
        return await self._tail.bounds(topics)

    async def since(self, topics: Iterable[str], at: datetime) -> Positions:
        """Tell where that time begins in these topics, by the tail's own consumer. Raises KafkaUnavailable."""
        if self._tail is None:
            raise KafkaUnavailable("the stream itself waits for Kafka")
        return await self._tail.since(topics, at)

    def of(self, topics: Iterable[str]) -> Positions:
        """Give the tail's positions of these topics, as of now."""
        wanted = frozenset(topics)
        return {place: offset for place, offset in self.positions.items() if place.topic in wanted}

    def attach(self, subscription: StreamSubscription) -> Positions:
        """Queue from now on; gives the positions from which on the queue is complete. Does not await: no gap."""
        self._subscriptions.add(subscription)
        metrics.STREAMS.set(len(self._subscriptions))
        return self.of(subscription.topics)

    def detach(self, subscription: StreamSubscription) -> None:
        """Queue no longer. Idempotent."""
        self._subscriptions.discard(subscription)
        metrics.STREAMS.set(len(self._subscriptions))

    async def run_for_ever(self) -> None:
        """Follow the log until cancelled; goes on where it stood when Kafka, or the schemas of news, were away."""
        while True:
            try:
                await self._follow()
            except KafkaUnavailable as error:
                log.warning("the stream waits for Kafka", error=str(error))
            except Transient as error:
                log.warning("the stream waits for the schema of an event", error=str(error))
            except OffsetGone as error:
                log.error("the log was cut before the stream had read it; subscribers begin again", error=str(error))
                self._forget()
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        async with self.log.reader() as reader:
            read_from = self.positions
            if not read_from:
                starts, self.positions = await reader.bounds(self.topics)
                read_from = warm(starts, self.positions)
            reader.read_from(read_from)
            self._tail = reader
            self._known.set()
            try:
                while True:
                    news = [event for record in await reader.read() if (event := self._taken(record))]
                    await self._fan_out(news)
                    await asyncio.sleep(0)  # what Kafka has sent already is read without a pause
            finally:
                self._tail = None

    def _taken(self, record: Record) -> StreamEvent | None:
        """Move on past a record; gives its event unless it was met before."""
        place = Partition(record.topic, record.partition)
        if record.offset >= self.positions[place]:
            after = {**self.positions, place: record.offset + 1}
            event, self.positions = StreamEvent(record, self.decode, after), after
        else:
            event = StreamEvent(record, self.decode)  # read again only to know repeats of it
        repeated = self._repeats.repeated(place, event.ticket_id, event.version)
        if repeated and event.after:
            metrics.STREAM_REPEATS.labels(record.topic).inc()
        return event if event.after and not repeated else None

    async def _fan_out(self, news: Sequence[StreamEvent]) -> None:
        """Offer events to all, subscriber by subscriber, so that each gets them in one write.

        A subscriber that begins meanwhile has a position after all of them.
        """
        offered = 0
        for subscription in tuple(self._subscriptions):
            for event in news:
                if subscription.wants(event):
                    subscription.offer(event)
            offered += len(news)
            if offered >= OFFERS_AT_ONCE:
                offered = 0
                await asyncio.sleep(0)

    def _forget(self) -> None:
        self.positions, self._repeats = {}, Dedup()
        self._known.clear()
        for subscription in self._subscriptions:
            subscription.end(begin_again())


def warm(starts: Positions, positions: Positions) -> Positions:
    """Step back as far as a repeat may reach: what lies there is read again only to be known. Pure."""
    return {place: max(starts[place], offset - REPEAT_RECORDS_MAX) for place, offset in positions.items()}


def refuse_outside(bounds: Bounds, positions: Positions) -> None:
    """Refuse positions that the log no longer has, or never had. Pure. Raises HttpProblem (410)."""
    starts, ends = bounds
    if any(not starts[place] <= offset <= ends[place] for place, offset in positions.items()):
        raise begin_again()


def slow_reader() -> HttpProblem:
    """Say that a subscriber reads more slowly than events come."""
    zh, en = "读取过慢,连接已断开;请用最后的 cursor 重连", "you read too slowly; reconnect with your last cursor"
    return HttpProblem(408, "slow_reader", "cursor", Text(zh, en))


def begin_again() -> HttpProblem:
    """Say that the log no longer holds what comes next."""
    zh, en = (
        "日志已不含该位置,请用 cursor=start 重新开始",
        "the log no longer holds that place; begin with cursor=start",
    )
    return HttpProblem(410, "cursor_expired", "cursor", Text(zh, en))
