"""A request's body as its route reads it, part by part, where it may be larger than what is read whole."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from bus.domain.text import Text
from bus.gateway.deps import raw_headers
from bus.gateway.http.problems import HttpProblem
from bus.wire.json_body import WHOLE

START_S_MAX, BYTES_PER_S_MIN = 30.0, 8 * 1024
# So much of a body that is refused is read and dropped: who still sends when we close never sees the answer.
DRAINED_BYTES_MAX = 8 * 1024 * 1024


class ClientGone(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


class BodyStream:
    """The body of one request. `size` is how many bytes came; `declared` how many its sender said, None for chunks."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope, self._receive = scope, receive
        self._complete: bool = False
        headers = raw_headers(scope)
        length = headers.get(b"content-length", b"")
        self.declared = int(length) if length.isdigit() and len(length) <= 18 else None
        self._waits = headers.get(b"expect", b"").lower() == b"100-continue"  # sends nothing before we read
        self.size = 0

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the parts as they come. Raises HttpProblem (408) for a sender that is too slow, ClientGone."""
        began = asyncio.get_running_loop().time()
        while not self._complete:
            try:
                async with asyncio.timeout_at(began + START_S_MAX + self.size / BYTES_PER_S_MIN):
                    part = await self._next()
            except TimeoutError:
                text = Text("请求体发送过慢", "the body came too slowly")
                raise HttpProblem(408, "slow_body", WHOLE, text) from None
            yield part

    async def drain(self) -> None:
        """Drop what is still to come of a body that was refused, as far as its sender is worth waiting for."""
        if self._complete or (self._waits and not self.size) or (self.declared or 0) - self.size > DRAINED_BYTES_MAX:
            return
        most = self.size + DRAINED_BYTES_MAX
        with suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(START_S_MAX):
                while self.size < most and not self._ended():
                    await self._next()

    def _ended(self) -> bool:
        return self._complete

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._complete = True
            raise ClientGone
        part: bytes = message.get("body", b"")
        self.size += len(part)
        if not message.get("more_body", False):
            self._complete = True
            self._scope["state"]["body"] = b""  # nothing of it is left on the connection
        return part


def body_stream_of(connection: HTTPConnection) -> BodyStream:
    """Give the body of a request whose route is `streamed`."""
    stream: BodyStream = connection.scope["state"]["stream"]
    return stream
