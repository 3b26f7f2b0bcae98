"""What WebSocket routes share: a handshake denied, the last frame; and the stream's transport over one."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bus.domain.errors import BusError
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.auth.authorize import SUBPROTOCOL
from bus.gateway.deps import trace_of
from bus.gateway.http.problems import HttpProblem, problem
from bus.gateway.http.routing import HttpRoute, StreamRoute
from bus.gateway.http.uvicorn_websocket import PING_UNANSWERED, WIRE
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.transport import last_frame

GOODBYE_SECONDS_MAX = 2.0
REASON_BYTES_MAX = 123  # the most that a close frame holds
CLOSE_CODES = {400: 4400, 401: 4401, 403: 4403, 404: 4404, 408: 4408, 410: 4410, 503: 1013}
log = structlog.get_logger()


def no_stream_but(paths: Sequence[str]) -> StreamRoute:
    """Make the route of all other addresses: it says to a handshake which paths are there. Pure."""
    zh, en = f"这里没有事件流,请用 {' 或 '.join(paths)}", f"no stream is here; try {', '.join(paths)}"

    async def no_stream(ws: WebSocket) -> None:
        await denied(ws, HttpProblem(404, "no_such_path", "path", Text(zh, en)))

    return StreamRoute(path="/{any:path}", run=no_stream)


def no_plain_request(path: str) -> HttpRoute:
    """Make the route of a WebSocket's path for requests that ask for none: what to send instead. Pure."""

    async def upgrade_required(_http: HttpRequest) -> Response:
        raise websocket_required(path)

    return HttpRoute(method="GET", path=path, run=upgrade_required, query=None)


def websocket_required(path: str, or_else: Text | None = None) -> HttpProblem:
    """Say to a plain request that the path takes a handshake, or what else it takes. Pure."""
    more = or_else or Text("", "")
    zh, en = f"{path} 须以 WebSocket 连接{more.zh}", f"{path} is a WebSocket: connect by its handshake{more.en}"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return HttpProblem(426, "websocket_required", "Upgrade", Text(zh, en), headers)


async def denied(ws: WebSocket, error: BusError) -> None:
    """Answer a handshake with a problem, unless the client has gone."""
    with suppress(WebSocketDisconnect, OSError):
        await ws.send_denial_response(problem(error, trace_of(ws).trace_id))


async def accept(ws: WebSocket) -> None:
    """Accept a handshake, by the stream's own subprotocol where that is offered; one with a token is never echoed."""
    await ws.accept(SUBPROTOCOL if SUBPROTOCOL in ws.scope.get("subprotocols", ()) else None)


async def goodbye(ws: WebSocket, error: BusError, cursor: str) -> None:
    """Close with the reason, in a frame and in the close frame, if the client still reads."""
    content, text = last_frame(ws, error, cursor)
    if ws.application_state is not WebSocketState.CONNECTED or ws.client_state is not WebSocketState.CONNECTED:
        return
    reason = cursor if cursor and len(cursor) <= REASON_BYTES_MAX else content["code"]
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS_MAX):
            await ws.send_text(text.decode())
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS_MAX):
            await ws.close(CLOSE_CODES.get(content["status"], 1011), reason)


class WebSocketTransport:
    """The stream over a WebSocket; what it is refused comes in a last frame and the close."""

    def __init__(self, ws: WebSocket) -> None:
        """Begin once the client is admitted."""
        self.connection = self._ws = ws

    async def open(self) -> None:
        """Accept the handshake."""
        await accept(self._ws)

    async def ready(self, frame: Frame) -> None:
        """Send the first frame."""
        await self._ws.send_text(frame.text.decode())

    async def send(self, frames: Sequence[Frame]) -> None:
        """Write frames: as they are where the server can, so that they are spelled once for all subscribers."""
        if WIRE in self._ws.scope["extensions"]:
            await self._ws.send({"type": "websocket.send", "wire": b"".join([frame.wire for frame in frames])})
        else:
            for frame in frames:
                await self._ws.send_text(frame.text.decode())

    async def until_gone(self) -> None:
        """Wait for the subscriber to disconnect; its frames are ignored."""
        while (message := await self._ws.receive())["type"] != "websocket.disconnect":
            continue
        if message.get("code") == PING_UNANSWERED:
            metrics.STREAM_CUT.inc()
            log.warning("a subscriber that answers no ping is cut")

    async def refuse(self, error: BusError, cursor: str) -> None:
        """Say why it ends, if the client still reads."""
        await goodbye(self._ws, error, cursor)
