"""The WebSocket route: subscribe to declared topics, resume by cursor, be cut when too slow."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.aio import until_one_ends
from bus.domain.errors import KafkaUnavailable, Refusal, Transient
from bus.domain.naming import did_you_mean
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import Access
from bus.gateway.deps import deps_of
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.routing import StreamRoute
from bus.gateway.http.single_values import flag_of, query_of
from bus.gateway.http.uvicorn_websocket import PING_UNANSWERED, WIRE
from bus.gateway.ports import SentEvent, SentEventLog, SubscriptionNotes
from bus.gateway.stream.cursor import read_cursor
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.hub import StreamHub, begin_again
from bus.gateway.stream.subscriber import StreamSubscriber
from bus.gateway.stream.websocket import Sending, accept, denied, goodbye, until_unwelcome
from bus.kafka.tail_reader import OffsetGone, Positions
from schemas.topics import Contract

FROM_START = "start"
PER_CLIENT = 500
READY_SECONDS_MAX = 10.0
SHOWN_CHARS_MAX = 100
QUERY = ("topics", "cursor", "synthetic")
log = structlog.get_logger()


def stream_routes(
    hub: StreamHub,
    contract: Contract,
    sent_events: SentEventLog,
    notes: SubscriptionNotes,
    *,
    per_client: int = PER_CLIENT,
) -> Sequence[StreamRoute]:
    """Make the route; it notes who subscribes and what is sent; a client has at most `per_client` streams. Pure."""
    return [StreamRoute(path="/v1/stream", run=_StreamHandlers(hub, contract, sent_events, notes, per_client).stream)]


@dataclass(frozen=True, slots=True)
class _StreamHandlers:
    hub: StreamHub
    contract: Contract
    sent_events: SentEventLog
    notes: SubscriptionNotes
    per_client: int
    _open: Counter[str] = field(default_factory=Counter)

    async def stream(self, ws: WebSocket) -> None:
        """Serve one subscriber until it goes, is cut, or Kafka is away; every frame of an event carries its cursor."""
        try:
            client = await admit(ws, Access.STREAM)
            if self._open[client.name] >= self.per_client:
                raise _too_many(self.per_client)
        except (Refusal, HttpProblem, Transient) as error:
            await denied(ws, error)
            return
        cursor = ""
        self._open[client.name] += 1
        try:
            await accept(ws)
            topics = self._topics(ws, client)
            log.info("subscribed", client=client.name, topics=topics)
            subscriber = await self._subscriber(ws, topics)
            self.notes.opened(client.name, topics)
            try:
                await self._serve(ws, client, subscriber)
            finally:
                self.notes.closed(client.name, topics)
                cursor = subscriber.cursor
                subscriber.end()
        except (Refusal, HttpProblem, Transient) as error:
            await goodbye(ws, error, cursor)
        except OffsetGone:
            await goodbye(ws, begin_again(), cursor)
        except (WebSocketDisconnect, RuntimeError, OSError):  # it went while we wrote
            return
        finally:
            self._open[client.name] -= 1

    def _topics(self, ws: WebSocket, client: Client) -> list[str]:
        names = [name for name in query_of(ws, QUERY).get("topics", "").split(",") if name]
        if not names:
            zh, en = "请用 topics=… 指定主题", "name the topics: topics=ticket.assign,ticket.status"
            raise HttpProblem(400, "missing", "topics", Text(zh, en), topics=self.contract.public())
        for name in names:
            if name not in self.contract.public():
                raise self._not_public(name) if name in self.contract.topics else self._unknown(name, ws, client)
        return list(dict.fromkeys(names))

    def _not_public(self, name: str) -> HttpProblem:
        """Say that a topic is there and not for subscribers: nobody misspelled it, so nobody is to be told."""
        log.warning("subscription to a topic that is not public", topic=name)
        zh, en = f"主题 {name} 不对订阅方开放", f"the topic {name} is not open to subscribers"
        return HttpProblem(403, "topic_not_public", "topics", Text(zh, en), topics=self.contract.public())

    def _unknown(self, name: str, ws: WebSocket, client: Client) -> HttpProblem:
        """Count and note a subscription to a topic that nobody declares, and name the closest."""
        metrics.STREAM_UNKNOWN_TOPIC.inc()
        close = self.contract.nearest(name)
        self.notes.refused(client.name, name, close, ws.client.host if ws.client else "")
        shown = name[:SHOWN_CHARS_MAX]
        log.warning("subscription to an unknown topic", nearest=close)  # the word itself may be anything
        meant = did_you_mean(close)
        zh, en = f"没有主题 {shown!r}{meant.zh}", f"there is no topic {shown!r}{meant.en}"
        return HttpProblem(404, "unknown_topic", "topics", Text(zh, en), nearest=close, topics=self.contract.public())

    async def _subscriber(self, ws: WebSocket, topics: Sequence[str]) -> StreamSubscriber:
        query = query_of(ws)
        cursor, synthetic = query.get("cursor", ""), flag_of(query, "synthetic")
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                now = await self.hub.known(topics)
                positions = await self._asked(topics, cursor) if cursor else {}
        except TimeoutError:
            raise KafkaUnavailable("the tail of the log is not known yet") from None
        begin = {**(now if cursor else self.hub.of(topics)), **positions}
        subscriber = StreamSubscriber(self.hub, topics, begin, synthetic=synthetic)
        subscriber.begin()
        return subscriber

    async def _asked(self, topics: Sequence[str], cursor: str) -> Positions:
        """Give the positions that a cursor names; a topic that it does not know is followed from now on."""
        if cursor == FROM_START:
            return (await self.hub.bounds(topics)).starts
        return read_cursor(cursor, topics, {name: topic.partitions for name, topic in self.contract.topics.items()})

    async def _serve(self, ws: WebSocket, client: Client, subscriber: StreamSubscriber) -> None:
        """Send until the subscriber goes or is cut; a subscriber that does not read cannot hold up its own cut."""
        sending = Sending()
        await until_one_ends(
            self._send(ws, client, subscriber, sending),
            _until_gone(ws),
            until_unwelcome(ws, client, sending),
            subscriber.subscription.ended.wait(),
        )
        if subscriber.subscription.why is not None:
            raise subscriber.subscription.why

    async def _send(self, ws: WebSocket, client: Client, subscriber: StreamSubscriber, sending: Sending) -> None:
        topics, now = subscriber.subscription.topics, deps_of(ws).now
        sent = {topic: metrics.STREAM_EVENTS.labels(topic) for topic in topics}
        clock = asyncio.get_running_loop().time
        sending.since = clock()
        ready = {"kind": "ready", "topics": sorted(topics), "cursor": subscriber.cursor}
        await ws.send_text(orjson.dumps(ready).decode())
        sending.since = None
        async with aclosing(subscriber.batches()) as batches:
            async for batch in batches:
                frames = [subscriber.frame(event) for event in batch]
                sending.since = clock()
                await _write(ws, frames)
                sending.since = None
                subscriber.cursor = frames[-1].cursor
                for event in batch:
                    sent[event.place.topic].inc(not event.synthetic)
                    if event.new_to(client.name):
                        self.sent_events.note(
                            SentEvent(
                                ticket_id=event.ticket_id,
                                version=event.version,
                                topic=event.place.topic,
                                client=client.name,
                                pushed_at=now(),
                            )
                        )


async def _write(ws: WebSocket, frames: Sequence[Frame]) -> None:
    """Write frames: as they are where the server can, so that they are spelled once for all subscribers."""
    if WIRE in ws.scope["extensions"]:
        await ws.send({"type": "websocket.send", "wire": b"".join([frame.wire for frame in frames])})
    else:
        for frame in frames:
            await ws.send_text(frame.text.decode())


async def _until_gone(ws: WebSocket) -> None:
    """Wait for the subscriber to disconnect; its frames are ignored."""
    while (message := await ws.receive())["type"] != "websocket.disconnect":
        continue
    if message.get("code") == PING_UNANSWERED:
        metrics.STREAM_CUT.inc()
        log.warning("a subscriber that answers no ping is cut")


def _too_many(most: int) -> HttpProblem:
    text = Text(f"同一客户端最多 {most} 条事件流", f"one client has at most {most} streams at once")
    return HttpProblem(429, "too_many_streams", "Authorization", text, {"Retry-After": "10"})
