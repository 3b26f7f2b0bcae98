"""One Faust App per stage: it delivers records in micro-batches, and any Kafka tool shows its group's lag."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import faust
from aiokafka import AIOKafkaConsumer
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.streams import Stream
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP, ChannelT, EventT, StreamT
from faust.types.transports import ConsumerT, TransportT
from yarl import URL

from bus.kafka.header_names import tolerate_header_names
from bus.stage.handler import Stage
from bus.wire.headers import present
from bus.wire.record import Record

BATCH = 500
SESSION_TIMEOUT_S = 10.0
HEARTBEAT_S = 3.0
REQUEST_TIMEOUT_S = 15.0
COMMIT_INTERVAL_S = 2.0  # only Kafka's tools read them: a handler keeps its own offsets
SKIP_S_MAX = 20.0
METADATA_MS_MAX = 5_000  # who joined while a broker came back was given nothing, until it looks again


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records as they were delivered, in order per partition, and the end offsets of their partitions then."""

    records: Sequence[Record]
    ends: Mapping[int, int]
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def unread(self) -> Mapping[int, int]:
        """Give the offset of each partition from which its records are without a gap up to the last."""
        firsts, next_offsets = dict[int, int](), dict[int, int]()
        for one in self.records:
            if one.offset != next_offsets.get(one.partition):
                firsts[one.partition] = one.offset
            next_offsets[one.partition] = one.offset + 1
        return firsts


class _ConsumerThread(AIOKafkaConsumerThread):
    """Faust reads uncommitted records except where it writes transactions itself; nobody's aborted ones take effect."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        tolerate_header_names()
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # it is handed to the fetches when the consumer starts
        return consumer


class _Consumer(aiokafka.Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(aiokafka.Transport):
    Consumer: ClassVar[type[ConsumerT]] = _Consumer


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make none: they are for tables, and there are none."""

    def _new_transport(self) -> TransportT:
        return _Transport(self.conf.broker_consumer, self)


def make_app(stage: Stage, *, kafka: Mapping[str, Any], deliver: Callable[[Batch], Awaitable[None]]) -> faust.App:
    """Make the App of a stage; a stopped one cannot start again, so make another.

    `kafka` are aiokafka's connection options. `deliver` must never raise anything but CancelledError: an agent that
    raises loses its batch.
    """
    app = _App(
        stage.group,
        broker=[URL(f"kafka://{one.strip()}") for one in str(kafka["bootstrap_servers"]).split(",")],
        broker_credentials=_credentials(kafka),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MS_MAX,
        processing_guarantee="at_least_once",
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_request_timeout=REQUEST_TIMEOUT_S,
        producer_request_timeout=REQUEST_TIMEOUT_S,
        broker_commit_interval=COMMIT_INTERVAL_S,
        stream_wait_empty=False,  # a batch that waits for PostgreSQL must not hold a rebalance up
        table_standby_replicas=0,
        # What the App holds when direct reads overtake it was fetched for nothing: little is enough.
        broker_max_poll_records=BATCH,
        stream_buffer_maxsize=BATCH,
    )
    topic = app.topic(stage.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def run(stream: StreamT[Any]) -> None:
        assert isinstance(stream, Stream)
        async for events in _batches(stream):
            records = [_record(event) for event in events]
            await deliver(Batch(records=records, ends=_ends(app, stage.topic, records)))

    app.agent(topic, name=f"{stage.group}.run", concurrency=1)(run)
    app.finalize()
    return app


async def _batches(stream: Stream[Any]) -> AsyncGenerator[Sequence[EventT[bytes]]]:
    """Yield batches: the first event at once, with what the stream's queue holds; acked when the next is asked for.

    Not take_events(): it wakes every few milliseconds, also without events, and delays a single one. Events that arrive
    during a batch form the next one. Events of an assignment that is over are skipped by the stream, and when that
    empties the queue a batch begun waits; it is delivered again at once from the committed offsets.
    """
    stream.enable_acks = False
    queue, events = cast(ChannelT[Any], stream.channel).queue, list[EventT[bytes]]()
    async for event in stream.events():
        events.append(event)
        if len(events) == BATCH or queue.empty():
            yield events
            for one in events:
                await stream.ack(one)
            events = []


def assigned(app: faust.App, topic: str) -> set[int]:
    """Give the partitions of the topic that this App holds now; none before it has joined."""
    return {one.partition for one in app.consumer.assignment() if one.topic == topic}


async def skip_to(app: faust.App, topic: str, offsets: Mapping[int, int]) -> None:
    """Let the App go on at an offset of each partition, and the group's committed offsets with it.

    Raises TimeoutError when its consumer does not answer: after a crash of its fetches it never does.
    """
    consumer, skipped = app.consumer, dict[TP, int]()
    assert isinstance(consumer, Consumer)
    async with asyncio.timeout(SKIP_S_MAX):
        for place, offset in ((TP(topic, partition), offset) for partition, offset in offsets.items()):
            held = place in consumer.assignment()  # it may have been given away meanwhile
            if held and (await consumer.position(place) or 0) < offset:  # else what it still holds back are repeats
                skipped[place] = offset
        if skipped:
            # Not seek(): it reaches into the consumer from this thread, and the fetches crash on what is suddenly gone.
            await consumer.seek_wait(skipped)
            # What was acked before the jump never joins what will be acked after it: without these two the group's
            # committed offset would stand still for good, and with it the lag that every Kafka tool shows.
            await consumer._commit(skipped)
            consumer._committed_offset.update(skipped)


def _ends(app: faust.App, topic: str, records: Sequence[Record]) -> dict[int, int]:
    """Give the end offsets of the records' partitions, as the App's fetches reported."""
    ends = app.monitor.tp_end_offsets
    return {one: ends.get(TP(topic, one)) or 0 for one in {record.partition for record in records}}


def _record(event: EventT[bytes]) -> Record:
    message = event.message
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=present(cast(list[tuple[str, bytes | None]], message.headers or [])),
        timestamp_ms=int(message.timestamp * 1000),
    )


def _credentials(kafka: Mapping[str, Any]) -> Credentials | None:
    protocol = kafka["security_protocol"]
    if protocol.startswith("SASL"):
        return SASLCredentials(
            username=kafka["sasl_plain_username"],
            password=kafka["sasl_plain_password"],
            mechanism=kafka["sasl_mechanism"],
            ssl_context=kafka.get("ssl_context"),
        )
    return SSLCredentials(kafka["ssl_context"]) if protocol == "SSL" else None
