"""What WebSocket routes share: a handshake denied, a client cut that does not read or may not stay, the last frame."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson
import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bus.domain.errors import BusError, StoreUnavailable
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.auth.authorize import SUBPROTOCOL, bearer
from bus.gateway.auth.binding import Client
from bus.gateway.deps import deps_of, trace_of
from bus.gateway.http.problems import HttpProblem, body_of, problem
from bus.gateway.http.routing import HttpRoute, StreamRoute
from bus.gateway.stream.hub import slow_reader

SEND_SECONDS_MAX = 20.0
GOODBYE_SECONDS_MAX = 2.0
RECHECK_S = 5.0
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
    zh, en = f"{path} 须以 WebSocket 连接", f"{path} is a WebSocket: connect by its handshake"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}

    async def upgrade_required(_http: HttpRequest) -> Response:
        raise HttpProblem(426, "websocket_required", "Upgrade", Text(zh, en), headers)

    return HttpRoute(method="GET", path=path, run=upgrade_required, query=None)


async def denied(ws: WebSocket, error: BusError) -> None:
    """Answer a handshake with a problem, unless the client has gone."""
    with suppress(WebSocketDisconnect, OSError):
        await ws.send_denial_response(problem(error, trace_of(ws).trace_id))


async def accept(ws: WebSocket) -> None:
    """Accept a handshake, by the stream's own subprotocol where that is offered; one with a token is never echoed."""
    await ws.accept(SUBPROTOCOL if SUBPROTOCOL in ws.scope.get("subprotocols", ()) else None)


@dataclass(slots=True)
class Sending:
    """Since when the frame in hand is being sent: a clock of the loop, None while nothing is. A timer costs more."""

    since: float | None = None


async def until_unwelcome(ws: WebSocket, client: Client, sending: Sending) -> None:
    """Look again and again whether it reads and its token is good. Raises HttpProblem (408, 401) when not so."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(RECHECK_S)
        if sending.since is not None and clock() - sending.since > SEND_SECONDS_MAX:
            raise slow_reader()
        with suppress(StoreUnavailable):
            if await deps_of(ws).clients.find(bearer(ws) or "") != client:
                text = Text("令牌已失效", "the token is no longer valid")
                raise HttpProblem(401, "not_authenticated", "Authorization", text)


async def goodbye(ws: WebSocket, error: BusError, cursor: str) -> None:
    """Close with the reason, in a frame and in the close frame, if the client still reads."""
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
