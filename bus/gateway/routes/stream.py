"""The WebSocket route: subscribe to declared topics, resume by cursor, be cut when too slow."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bus.aio import until_one_ends
from bus.domain.errors import BusError, KafkaUnavailable, Refusal, StoreUnavailable, Transient
from bus.gateway import metrics
from bus.gateway.auth.authorize import SUBPROTOCOL_PREFIX, admit, bearer
from bus.gateway.auth.roles import Access
from bus.gateway.deps import GatewayDeps, deps_of, trace_of
from bus.gateway.http.problems import HttpProblem, body_of, problem
from bus.gateway.http.uvicorn_websocket import PING_UNANSWERED, WIRE
from bus.gateway.ports import Client, SentEvent
from bus.gateway.stream.cursor import read_cursor
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.hub import begin_again, slow_reader
from bus.gateway.stream.subscriber import StreamSubscriber
from bus.kafka.tail_reader import OffsetGone, Positions

FROM_START = "start"
READY_SECONDS_MAX = 10.0
SEND_SECONDS_MAX = 20.0
GOODBYE_SECONDS_MAX = 2.0
RECHECK_S = 5.0
SHOWN_CHARS_MAX = 100
REASON_BYTES_MAX = 123  # what a close frame has room for
CLOSE_CODES = {400: 4400, 401: 4401, 404: 4404, 408: 4408, 410: 4410, 503: 1013}
log = structlog.get_logger()


async def stream(ws: WebSocket) -> None:
    """Serve one subscriber until it goes, is cut, or Kafka is away; every frame of an event carries its cursor."""
    try:
        client = await admit(ws, Access.STREAM)
    except (HttpProblem, Transient) as error:
        await denied(ws, error)
        return
    offered = ws.scope.get("subprotocols", ())
    cursor = ""
    try:
        await ws.accept(next((one for one in offered if one.startswith(SUBPROTOCOL_PREFIX)), None))
        topics = _topics(ws, deps_of(ws))
        log.info("subscribed", client=client.name, topics=topics)
        subscriber = await _subscriber(ws, topics)
        try:
            await _serve(ws, client, subscriber)
        finally:
            cursor = subscriber.cursor
            subscriber.end()
    except (Refusal, HttpProblem, Transient) as error:
        await goodbye(ws, error, cursor)
    except OffsetGone:
        await goodbye(ws, begin_again(), cursor)
    except (WebSocketDisconnect, RuntimeError, OSError):  # it went while we wrote
        return


async def no_stream(ws: WebSocket) -> None:
    """Say to a handshake at any other address where the stream is."""
    zh, en = (
        "这里没有事件流,请用 /v1/stream 或 /v1/engineer/pushes",
        "no stream is here; try /v1/stream, /v1/engineer/pushes",
    )
    await denied(ws, HttpProblem(404, "no_such_path", "path", (zh, en)))


async def denied(ws: WebSocket, error: BusError) -> None:
    """Answer a handshake with a problem, if somebody still waits for it."""
    with suppress(WebSocketDisconnect, OSError):
        await ws.send_denial_response(problem(error, trace_of(ws).trace_id))


def _topics(ws: WebSocket, deps: GatewayDeps) -> list[str]:
    names = [name for name in ws.query_params.get("topics", "").split(",") if name]
    if not names:
        zh, en = "请用 topics=… 指定主题", "name the topics: topics=ticket.assign,ticket.status"
        raise HttpProblem(400, "missing", "topics", (zh, en), topics=deps.contract.public())
    for name in names:
        if name not in deps.contract.public():
            metrics.STREAM_UNKNOWN_TOPIC.inc()
            close = deps.contract.nearest(name)
            shown = name[:SHOWN_CHARS_MAX]
            log.warning("subscription to an unknown topic", topic=shown, nearest=close)
            zh, en = (f",是否指 {close}?", f"; did you mean {close}?") if close else ("", "")
            zh, en = f"没有主题 {shown!r}{zh}", f"there is no topic {shown!r}{en}"
            raise HttpProblem(404, "unknown_topic", "topics", (zh, en), nearest=close, topics=deps.contract.public())
    return list(dict.fromkeys(names))


async def _subscriber(ws: WebSocket, topics: Sequence[str]) -> StreamSubscriber:
    deps, cursor = deps_of(ws), ws.query_params.get("cursor", "")
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            now = await deps.hub.known(topics)
            positions = await _asked(deps, topics, cursor) if cursor else {}
    except TimeoutError:
        raise KafkaUnavailable("the tail of the log is not known yet") from None
    subscriber = StreamSubscriber(deps.hub, topics, {**(now if cursor else deps.hub.of(topics)), **positions})
    subscriber.begin()
    return subscriber


async def _asked(deps: GatewayDeps, topics: Sequence[str], cursor: str) -> Positions:
    """Give the positions that a cursor names; a topic that it does not know is followed from now on."""
    if cursor == FROM_START:
        return (await deps.hub.bounds(topics)).starts
    return read_cursor(cursor, topics, {name: topic.partitions for name, topic in deps.contract.topics.items()})


async def _serve(ws: WebSocket, client: Client, subscriber: StreamSubscriber) -> None:
    """Send until the subscriber goes or is cut; a subscriber that does not read cannot hold up its own cut."""
    sending = Sending()
    await until_one_ends(
        _send(ws, client, subscriber, sending),
        _until_gone(ws),
        until_unwelcome(ws, client, sending),
        subscriber.subscription.ended.wait(),
    )
    if subscriber.subscription.why is not None:
        raise subscriber.subscription.why


@dataclass(slots=True)
class Sending:
    """Since when the frame in hand is being sent: a clock of the loop, None while nothing is. A timer costs more."""

    since: float | None = None


async def _send(ws: WebSocket, client: Client, subscriber: StreamSubscriber, sending: Sending) -> None:
    topics, deps = subscriber.subscription.topics, deps_of(ws)
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
                sent[event.place.topic].inc()
                if event.new_to(client.name):
                    deps.pushes.note(
                        SentEvent(
                            ticket_id=event.ticket_id,
                            version=event.version,
                            topic=event.place.topic,
                            client=client.name,
                            pushed_at=deps.now(),
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
    """Wait for the subscriber to leave; what it says is not listened to."""
    while (message := await ws.receive())["type"] != "websocket.disconnect":
        continue
    if message.get("code") == PING_UNANSWERED:
        metrics.STREAM_CUT.inc()
        log.warning("a subscriber that answers no ping is cut")


async def until_unwelcome(ws: WebSocket, client: Client, sending: Sending) -> None:
    """Look again and again whether it reads and its token is good. Raises HttpProblem (408, 401) when not so."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(RECHECK_S)
        if sending.since is not None and clock() - sending.since > SEND_SECONDS_MAX:
            raise slow_reader()
        with suppress(StoreUnavailable):
            if await deps_of(ws).clients.find(bearer(ws) or "") != client:
                texts = "令牌已失效", "the token is no longer valid"
                raise HttpProblem(401, "not_authenticated", "Authorization", texts)


async def goodbye(ws: WebSocket, error: BusError, cursor: str) -> None:
    """Say why, in a frame and in the close reason, to whoever still reads."""
    content = body_of(error, trace_of(ws).trace_id)
    if content["code"] == "slow_reader":
        metrics.STREAM_CUT.inc()
        log.warning("a subscriber that reads too slowly is cut")
    if ws.application_state is not WebSocketState.CONNECTED or ws.client_state is not WebSocketState.CONNECTED:
        return
    frame = {"kind": "error", "cursor": cursor or None, **content}
    reason = cursor if cursor and len(cursor) <= REASON_BYTES_MAX else content["code"]
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS_MAX):
            await ws.send_text(orjson.dumps(frame, default=str).decode())
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS_MAX):
            await ws.close(CLOSE_CODES.get(content["status"], 1011), reason)
