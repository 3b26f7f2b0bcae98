"""What the stream goes over, WebSocket or server-sent events, and when a subscriber of either is sent away."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from starlette.requests import HTTPConnection

from bus.domain.errors import BusError, StoreUnavailable
from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.auth.authorize import bearer
from bus.gateway.auth.binding import Client
from bus.gateway.deps import deps_of, trace_of
from bus.gateway.http.problems import HttpProblem, body_of
from bus.gateway.stream.event_frame import Frame
from bus.gateway.stream.hub import slow_reader

SEND_SECONDS_MAX = 20.0
RECHECK_S = 5.0
log = structlog.get_logger()


class StreamTransport(Protocol):
    """One subscriber's connection."""

    @property
    def connection(self) -> HTTPConnection:
        """Give what was asked: address, headers, the app."""
        ...

    async def open(self) -> None:
        """Begin, before it is known whether what is asked for can be given."""
        ...

    async def ready(self, frame: Frame) -> None:
        """Send the first frame: what is asked for is given."""
        ...

    async def send(self, frames: Sequence[Frame]) -> None:
        """Send events; blocks while the subscriber does not read."""
        ...

    async def until_gone(self) -> None:
        """Wait until the subscriber goes, or the server ends."""
        ...

    async def refuse(self, error: BusError, cursor: str) -> None:
        """Say why the stream ends, or does not begin."""
        ...


@dataclass(slots=True)
class Sending:
    """Since when the frame in hand is being sent: a clock of the loop, None while nothing is. A timer costs more."""

    since: float | None = None


def last_frame(connection: HTTPConnection, error: BusError, cursor: str) -> tuple[Mapping[str, Any], bytes]:
    """Give why a stream ends, as a problem and as the JSON of its last frame; who reads too slowly is counted."""
    content = body_of(error, trace_of(connection).trace_id)
    if content["code"] == "slow_reader":
        metrics.STREAM_CUT.inc()
        log.warning("a subscriber that reads too slowly is cut")
    return content, orjson.dumps({"kind": "error", "cursor": cursor or None, **content}, default=str)


async def until_unwelcome(connection: HTTPConnection, client: Client, sending: Sending) -> None:
    """Look again and again whether it reads and its token is good. Raises HttpProblem (408, 401) when not so."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(RECHECK_S)
        if sending.since is not None and clock() - sending.since > SEND_SECONDS_MAX:
            raise slow_reader()
        with suppress(StoreUnavailable):
            if await deps_of(connection).clients.find(bearer(connection) or "") != client:
                text = Text("令牌已失效", "the token is no longer valid")
                raise HttpProblem(401, "not_authenticated", "Authorization", text)
