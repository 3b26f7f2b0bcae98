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
# What is longer is answered at once, and so much more of it is dropped before the connection is closed.
DROPPED_BYTES_MAX, DROPPED_S_MAX = 64 * 1024 * 1024, 10.0


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
        while not self.ended():
            try:
                async with asyncio.timeout_at(began + START_S_MAX + self.size / BYTES_PER_S_MIN):
                    part = await self.next()
            except TimeoutError:
                text = Text("请求体发送过慢", "the body came too slowly")
                raise HttpProblem(408, "slow_body", WHOLE, text) from None
            yield part

    async def drain(self) -> None:
        """Drop what is still to come of a body that was refused, as far as its sender is worth waiting for."""
        if (self.declared or 0) - self.size <= DRAINED_BYTES_MAX:
            await self._drop(DRAINED_BYTES_MAX, START_S_MAX)

    async def drop_after_answer(self) -> None:
        """Drop what is left after its answer: a connection that is closed with unread bytes is reset.

        A client that sends everything before it reads would lose the answer by that.
        """
        await self._drop(DROPPED_BYTES_MAX, DROPPED_S_MAX)

    async def _drop(self, bytes_max: int, seconds_max: float) -> None:
        if self._waits and not self.size:
            return
        most = self.size + bytes_max
        with suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(seconds_max):
                while self.size < most and not self.ended():
                    await self.next()

    def ended(self) -> bool:
        """Say whether nothing more comes: the body is there whole, or its sender has gone."""
        return self._complete

    async def next(self) -> bytes:
        """Give the next part, at the end an empty one. Raises ClientGone."""
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
