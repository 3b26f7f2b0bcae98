"""The stream's routes, WebSocket and server-sent events: subscribe to topics, resume by cursor."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import orjson
import structlog
from starlette.requests import HTTPConnection
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from bus.aio import until_one_ends
from bus.domain.errors import KafkaUnavailable, MalformedInput, Refusal, Transient
from bus.domain.naming import did_you_mean
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import Access
from bus.gateway.deps import deps_of
from bus.gateway.http.asyncapi_stream import STREAM_QUERY
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.routing import Feature, HttpRoute, StreamRoute
from bus.gateway.http.single_values import flag_of, query_of
from bus.gateway.ports import SentEvent, SentEventLog, SubscriptionNotes
from bus.gateway.stream.cursor import read_cursor
from bus.gateway.stream.event_filter import EventFilter, StreamFilters
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.hub import StreamHub, begin_again, refuse_outside
from bus.gateway.stream.progress import Progress, cursor_frame
from bus.gateway.stream.server_sent import LAST_EVENT_ID, MEDIA_TYPE, ServerSentEvents, takes_server_sent
from bus.gateway.stream.subscriber import StreamSubscriber
from bus.gateway.stream.transport import Sending, StreamTransport, until_unwelcome
from bus.gateway.stream.websocket import WebSocketTransport, denied, websocket_required
from bus.intake.command_bodies import read_time
from bus.kafka.tail_reader import OffsetGone, Positions
from schemas.topics import Contract

PATH: Final = "/v1/stream"
FROM_START = "start"
PER_CLIENT = 500
READY_SECONDS_MAX = 10.0
AHEAD_MAX: Final = timedelta(seconds=60)  # of a subscriber's clock
SHOWN_CHARS_MAX = 100
QUERY = tuple(STREAM_QUERY)
_STRING: Final = {"type": "string"}
_ABOUT: Final = {
    "summary": "Follow events as they happen",
    "security": [{"bearer": []}],
    "parameters": [
        *(
            {"name": name, "in": "query", "required": name == "topics", "schema": schema}
            for name, schema in STREAM_QUERY.items()
        ),
        {"name": LAST_EVENT_ID, "in": "header", "schema": _STRING, "description": "as `cursor`, and before it"},
    ],
    "responses": {
        "200": {
            "description": "Server-sent events without an end.",
            "content": {MEDIA_TYPE: {"schema": _STRING}},
        }
    },
}
log = structlog.get_logger()


def stream_routes(
    hub: StreamHub,
    contract: Contract,
    sent_events: SentEventLog,
    notes: SubscriptionNotes,
    filters: StreamFilters,
    *,
    per_client: int = PER_CLIENT,
    stopping: asyncio.Event | None = None,
) -> Feature:
    """Make the routes; they note who subscribes and what is sent; a client has at most `per_client` streams. Pure.

    `stopping` ends the answers that have no end of their own.
    """
    handlers = _StreamHandlers(hub, contract, sent_events, notes, filters, per_client, stopping or asyncio.Event())
    return [
        StreamRoute(path=PATH, run=handlers.websocket),
        HttpRoute(method="GET", path=PATH, run=handlers.follow_events, about=_ABOUT, query=QUERY),
    ]


@dataclass(frozen=True, slots=True)
class _StreamHandlers:
    hub: StreamHub
    contract: Contract
    sent_events: SentEventLog
    notes: SubscriptionNotes
    filters: StreamFilters
    per_client: int
    stopping: asyncio.Event
    _open: Counter[str] = field(default_factory=Counter)

    async def websocket(self, ws: WebSocket) -> None:
        """Serve one subscriber over a WebSocket."""
        try:
            client = await self._admitted(ws)
        except (Refusal, HttpProblem, Transient) as error:
            await denied(ws, error)
            return
        with suppress(WebSocketDisconnect, RuntimeError, OSError):  # it went while we wrote
            await self._stream(client, WebSocketTransport(ws))

    async def follow_events(self, http: HttpRequest) -> Response:
        """Serve one subscriber as server-sent events, with what a WebSocket's frames hold as `data`.

        `id` is the cursor, `event` the frame's kind: `ready` first, then each `event`, and an `error` before the end.
        """
        if not takes_server_sent(http):
            raise websocket_required(PATH, Text(f",或以 Accept: {MEDIA_TYPE} 请求", f", or send Accept: {MEDIA_TYPE}"))
        client = await self._admitted(http)
        return ServerSentEvents(partial(self._stream, client), self.stopping)

    async def _admitted(self, connection: HTTPConnection) -> Client:
        client = await admit(connection, Access.STREAM)
        if self._open[client.name] >= self.per_client:
            raise _too_many(self.per_client)
        return client

    async def _stream(self, client: Client, transport: StreamTransport) -> None:
        """Serve one subscriber until it goes, is cut, or Kafka is away; every frame of an event carries its cursor."""
        cursor = ""
        self._open[client.name] += 1
        try:
            await transport.open()
            topics = self._topics(transport.connection, client)
            wanted = await self.filters.of(client.name, topics, query_of(transport.connection))
            log.info("subscribed", client=client.name, topics=topics)
            subscriber = await self._subscriber(transport.connection, topics)
            self.notes.opened(client.name, topics)
            try:
                await self._serve(transport, client, subscriber, wanted)
            finally:
                self.notes.closed(client.name, topics)
                cursor = subscriber.cursor
                subscriber.end()
        except Transient as error:  # nothing is wrong with the place that was asked for
            await transport.refuse(error, cursor or cursor_of(transport.connection, query_of(transport.connection)))
        except (Refusal, HttpProblem) as error:
            await transport.refuse(error, cursor)
        except OffsetGone:
            await transport.refuse(begin_again(), cursor)
        finally:
            self._open[client.name] -= 1

    def _topics(self, connection: HTTPConnection, client: Client) -> list[str]:
        names = [name for name in query_of(connection, QUERY).get("topics", "").split(",") if name]
        if not names:
            zh, en = "请用 topics=… 指定主题", "name the topics: topics=ticket.assign,ticket.status"
            raise HttpProblem(400, "missing", "topics", Text(zh, en), topics=self.contract.public())
        for name in names:
            if name not in self.contract.topics:
                raise self._unknown(name, connection, client)
            if name not in self.contract.public():
                raise self._not_public(name)
        return list(dict.fromkeys(names))

    def _not_public(self, name: str) -> HttpProblem:
        """Say that a topic is there and not for subscribers: nobody misspelled it, so nobody is to be told."""
        log.warning("subscription to a topic that is not public", topic=name)
        zh, en = f"主题 {name} 不对订阅方开放", f"the topic {name} is not open to subscribers"
        return HttpProblem(403, "topic_not_public", "topics", Text(zh, en), topics=self.contract.public())

    def _unknown(self, name: str, connection: HTTPConnection, client: Client) -> HttpProblem:
        """Count and note a subscription to a topic that nobody declares, and name the closest."""
        metrics.STREAM_UNKNOWN_TOPIC.inc()
        close = self.contract.nearest(name)
        self.notes.refused(client.name, name, close, connection.client.host if connection.client else "")
        shown = name[:SHOWN_CHARS_MAX]
        log.warning("subscription to an unknown topic", nearest=close)  # the word itself may be anything
        meant = did_you_mean(close)
        zh, en = f"没有主题 {shown!r}{meant.zh}", f"there is no topic {shown!r}{meant.en}"
        return HttpProblem(404, "unknown_topic", "topics", Text(zh, en), nearest=close, topics=self.contract.public())

    async def _subscriber(self, connection: HTTPConnection, topics: Sequence[str]) -> StreamSubscriber:
        query = query_of(connection)
        cursor, synthetic = cursor_of(connection, query), flag_of(query, "synthetic")
        since = None if cursor or "since" not in query else _past(query["since"], deps_of(connection).now())
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                now = await self.hub.known(topics)
                begin = {**now, **await self._asked(topics, cursor)} if cursor else self.hub.of(topics)
                if since is not None:
                    begin = {**now, **await self.hub.since(topics, since)}
        except TimeoutError:
            raise KafkaUnavailable("the tail of the log is not known yet") from None
        subscriber = StreamSubscriber(self.hub, topics, begin, synthetic=synthetic)
        subscriber.begin()
        return subscriber

    async def _asked(self, topics: Sequence[str], cursor: str) -> Positions:
        """Give the positions that a cursor names; a topic that it does not know is followed from now on."""
        if cursor == FROM_START:
            return (await self.hub.bounds(topics)).starts
        partitions = {name: topic.partitions for name, topic in self.contract.topics.items()}
        positions = read_cursor(cursor, topics, partitions)
        known = {place.topic for place in positions}
        if positions != self.hub.of(known):
            with suppress(KafkaUnavailable):  # who catches up finds out, and keeps the cursor
                refuse_outside(await self.hub.bounds(known), positions)
        return positions

    async def _serve(
        self, transport: StreamTransport, client: Client, subscriber: StreamSubscriber, wanted: EventFilter
    ) -> None:
        """Send until the subscriber goes or is cut; a subscriber that does not read cannot hold up its own cut."""
        sending = Sending()
        await until_one_ends(
            self._send(transport, client, subscriber, wanted=wanted, sending=sending),
            transport.until_gone(),
            until_unwelcome(transport.connection, client, sending),
            subscriber.subscription.ended.wait(),
        )
        if subscriber.subscription.why is not None:
            raise subscriber.subscription.why

    async def _send(
        self,
        transport: StreamTransport,
        client: Client,
        subscriber: StreamSubscriber,
        *,
        wanted: EventFilter,
        sending: Sending,
    ) -> None:
        topics, now = subscriber.subscription.topics, deps_of(transport.connection).now
        sent = {topic: metrics.STREAM_EVENTS.labels(topic) for topic in topics}
        clock = asyncio.get_running_loop().time
        sending.since = clock()
        filters = {"filters": wanted.shown} if wanted.shown else {}
        ready = {"kind": "ready", "topics": sorted(topics), "cursor": subscriber.cursor, **filters}
        await transport.ready(Frame("ready", subscriber.cursor, orjson.dumps(ready)))
        sending.since = None
        progress = Progress(clock())
        async with aclosing(subscriber.batches()) as batches:
            async for taken in batches:
                batch = await wanted.passing(taken)
                frames = [subscriber.frame(event) for event in batch]
                stands = subscriber.past(taken) if len(batch) < len(taken) else frames[-1].cursor
                if progress.is_due(len(taken) - len(batch), clock()):
                    frames.append(cursor_frame(stands))
                if frames:
                    sending.since = clock()
                    await transport.send(frames)
                    sending.since = None
                    progress.sent(clock())
                subscriber.cursor = stands
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


def cursor_of(connection: HTTPConnection, query: Mapping[str, str]) -> str:
    """Give the cursor asked for: a browser that comes again has its last one in a header, beside the first address."""
    return connection.headers.get(LAST_EVENT_ID) or query.get("cursor", "")


def _past(since: str, now: datetime) -> datetime:
    """Read when to begin. Raises MalformedInput for what is no time, and for one that is still to come."""
    time = read_time(since, "since")
    if time > now + AHEAD_MAX:
        zh, en = (
            f"since {since} 尚未到来;要从现在开始请省去它",
            f"since {since} is still to come; leave it out to begin now",
        )
        raise MalformedInput("in_future", "since", zh, en)
    return time


def _too_many(most: int) -> HttpProblem:
    text = Text(f"同一客户端最多 {most} 条事件流", f"one client has at most {most} streams at once")
    return HttpProblem(429, "too_many_streams", "Authorization", text, {"Retry-After": "10"})
