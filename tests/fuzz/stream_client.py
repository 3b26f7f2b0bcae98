"""A subscriber on a bare socket: cheap enough for a thousand, and free to break every rule of the protocol."""

import asyncio
import base64
import os
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x1b\x02\x03\x04"


def handshake(query: str, token: str | None, *more: str) -> bytes:
    """Spell a proper opening handshake; `more` are header lines."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET /v1/stream?{query} HTTP/1.1", "Host: bus", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *more,
    ]  # fmt: skip
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", errors="surrogateescape")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, mask: bool = True, flags: int = 0) -> bytes:
    """Spell a client's frame; masked as the protocol asks, unless told otherwise."""
    head = bytes([(0x80 if fin else 0) | flags | opcode])
    bit, size = (0x80 if mask else 0), len(payload)
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not mask:
        return head + payload
    key = (MASK * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + MASK + masked


@dataclass(slots=True, kw_only=True)
class Closed:
    """How a connection ended: the HTTP status of a refusal, or the close code; both None when it just broke."""

    status: int | None = None
    code: int | None = None
    reason: str = ""
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Subscriber(asyncio.Protocol):
    """Reads frames as they come and keeps what its `take` makes of each text; answers pings while it reads."""

    hello: bytes
    take: Any = orjson.loads
    got: list[Any] = field(default_factory=list)
    closed: Closed = field(default_factory=Closed)
    status: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    transport: asyncio.Transport | None = None
    _buffer: bytes = b""

    @property
    def port(self) -> int:
        """Its end of the connection, as the gateway sees it."""
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.hello)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember how it ended."""
        del exc
        if self.status not in {0, 101}:
            self.closed.status, self.closed.body = self.status, self._buffer
        self.ended.set()
        self.news.set()

    def data_received(self, data: bytes) -> None:
        """Take the head of the answer, then frames."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self.status:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self.status, self._buffer = int(head.split(b" ", 2)[1]), rest
        if self.status == 101:
            self._frames()
        self.news.set()

    def send(self, data: bytes) -> None:
        """Write raw bytes, if the connection still stands."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def leave(self) -> None:
        """Break the connection with a reset."""
        if self.transport is not None:
            self.transport.abort()

    async def have(self, count: int, within_s: float = 120) -> list[Any]:
        """Wait until so many texts were taken; AssertionError after the limit or when the connection ends."""
        try:
            async with asyncio.timeout(within_s):
                while len(self.got) < count and not self.ended.is_set():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            pass
        assert len(self.got) >= count, f"{len(self.got)} of {count}; {self.closed}, {self.got[-1:]}"
        return self.got

    async def end(self, within_s: float = 120) -> Closed:
        """Wait for the end; AssertionError after the limit."""
        try:
            async with asyncio.timeout(within_s):
                await self.ended.wait()
        except TimeoutError:
            raise AssertionError(f"still open; {self.status}, {self.closed}, {self.got[-1:]}") from None
        return self.closed

    def _frames(self) -> None:
        data, at = self._buffer, 0
        while len(data) - at >= 2:
            opcode, size, body = data[at] & 15, data[at + 1] & 127, at + 2
            if size == 126:
                size, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, body = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < body + size or body > len(data):
                break
            self._frame(opcode, data[body : body + size])
            at = body + size
        self._buffer = data[at:]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.got.append(self.take(payload))
        elif opcode == PING:
            self.send(frame(PONG, payload))
        elif opcode == CLOSE:
            self.closed.code = int.from_bytes(payload[:2], "big") or None
            self.closed.reason = payload[2:].decode()
            self.send(frame(CLOSE, payload[:2]))


async def connected(url: str, hello: bytes, *, receive_bytes: int | None = None, **options: Any) -> Subscriber:
    """Connect and say hello; `receive_bytes` makes the socket's own buffer small."""
    parts = urlsplit(url)
    raw = socket.socket()
    raw.setblocking(False)
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (parts.hostname, parts.port))
    _, subscriber = await loop.create_connection(lambda: Subscriber(hello=hello, **options), sock=raw)
    return subscriber
