"""The stream over server-sent events: an answer of HTTP that does not end, for `curl`, browsers and proxies."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from bus.aio import until_one_ends
from bus.domain.errors import BusError
from bus.gateway.deps import answer_of
from bus.gateway.http.uvicorn_http import ENDLESS
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.transport import last_frame

MEDIA_TYPE: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"
RETRY_MS: Final = 2000
HEARTBEAT_S = 10.0
_HEADERS: Final = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    "Connection": "close",
    "X-Accel-Buffering": "no",  # nginx would gather events until its buffer is full
}


def takes_server_sent(http: HttpRequest) -> bool:
    """Say whether a request asks for server-sent events. Pure."""
    accepted = http.headers.get("accept", "").lower().split(",")
    return http.method == "GET" and any(one.partition(";")[0].strip() == MEDIA_TYPE for one in accepted)


class ServerSentTransport:
    """The stream over one answer. What is refused before its first event is answered as any request's problem."""

    def __init__(self, http: HttpRequest, send: Send, stopping: asyncio.Event) -> None:
        """Begin once the client is admitted; the answer ends when `stopping` is set."""
        self.connection = self._http = http
        self._send, self._stopping = send, stopping
        self._begun = False
        self._sent_at = asyncio.get_running_loop().time()

    async def open(self) -> None:
        """Send nothing yet: what cannot be given is to be answered by its status."""

    async def ready(self, frame: Frame) -> None:
        """Begin the answer, and say how soon a client that loses it may come again.

        The place among the client's reads is given back: a stream is counted among its streams.
        """
        if answer := answer_of(self._http):
            answer.end()
        if endless := self._http.scope.get("extensions", {}).get(ENDLESS):
            endless["begin"]()
        head = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
        self._begun = True
        await self._send({"type": "http.response.start", "status": 200, "headers": head})
        await self._write(b"retry: %d\n" % RETRY_MS + frame.server_sent)

    async def send(self, frames: Sequence[Frame]) -> None:
        """Write events; each is spelled once for all subscribers."""
        await self._write(b"".join([frame.server_sent for frame in frames]))

    async def until_gone(self) -> None:
        """Wait until the client or the server ends the connection; a comment goes out when nothing else does."""
        await until_one_ends(self._disconnected(), self._heartbeats(), self._stopping.wait())

    async def refuse(self, error: BusError, cursor: str) -> None:
        """Say why the stream ends in a last event; its id is not given, so that the reader's stays. Raises the error.

        It is raised where nothing was sent yet.
        """
        if not self._begun:
            raise error
        _, text = last_frame(self._http, error, cursor)
        await self._write(Frame("error", "", text).server_sent)

    async def end(self) -> None:
        """End the answer."""
        if self._begun:
            await self._send(_body(b"", more=False))

    async def _write(self, text: bytes) -> None:
        await self._send(_body(text, more=True))
        self._sent_at = asyncio.get_running_loop().time()

    async def _disconnected(self) -> None:
        while (await self._http.receive())["type"] != "http.disconnect":
            continue

    async def _heartbeats(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(max(HEARTBEAT_S / 2, self._sent_at + HEARTBEAT_S - clock()))
            if clock() - self._sent_at >= HEARTBEAT_S:
                await self._write(b":\n\n")


class ServerSentEvents(Response):
    """The answer of a route; `serve` writes it to its end."""

    media_type = MEDIA_TYPE

    def __init__(self, serve: Callable[[ServerSentTransport], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Make an answer that ends with the server."""
        super().__init__()
        self._serve, self._stopping = serve, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one subscriber. Raises what is refused before anything was sent."""
        transport = ServerSentTransport(HttpRequest(scope, receive), send, self._stopping)
        await self._serve(transport)
        await transport.end()


def _body(text: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": more}
