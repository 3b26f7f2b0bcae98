"""A real HTTP server on loopback for simulators, which can also answer slowly, never, without end, or by a reset."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Final, Self

from adapters.simulators.closing import close_server
from adapters.simulators.switches import SWITCH_PATH, Switches

HOST: Final = "127.0.0.1"
_HEAD_BYTES_MAX: Final = 64 * 1024
_BODY_BYTES_MAX: Final = 4 * 1024 * 1024


class AnswerWay(Enum):
    """How the bytes of an answer leave."""

    WHOLE = auto()
    SLOWLY = auto()  # a byte at a time
    CUT = auto()  # half of its body, and the connection ends
    NEVER = auto()  # the connection stays
    RESET = auto()  # as a host does that knows nothing of us any more
    ENDLESS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """What came: header names in lower case, `path` with its query."""

    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedAnswer:
    """The bytes of an answer, and how they leave."""

    content: bytes = b""
    way: AnswerWay = AnswerWay.WHOLE


@dataclass(slots=True, kw_only=True)
class FaultyServer:
    """Serves while `serving()` is open, on the same port every time; `switches` answer at SWITCH_PATH."""

    answer: Callable[[SimulatedRequest], SimulatedAnswer]
    port: int = 0
    byte_pause_s: float = 0.05
    switches: Switches | None = None
    _down: asyncio.Event = field(default_factory=asyncio.Event)
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen for the length of a block; afterwards all connections are gone."""
        server = await asyncio.start_server(self._connection, HOST, self.port, limit=_HEAD_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        self._down.clear()
        try:
            yield self
        finally:
            self._down.set()  # also for who was let in and has not begun
            await close_server(server)
            for writer in self._open.values():
                writer.transport.abort()
            await server.wait_closed()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            while not self._down.is_set() and await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            writer.transport.abort()  # what is no request gets no answer
        finally:
            del self._open[task]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it; False when the connection is over."""
        head = await reader.readuntil(b"\r\n\r\n")
        verb, path, headers = _read_head(head)
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _BODY_BYTES_MAX:
            raise ValueError("the body is too long")
        body = await reader.readexactly(length)
        if self.switches and path == SWITCH_PATH:
            status, content = self.switches.answer(verb, body)
            writer.write(http_answer(f"{status} {HTTPStatus(status).phrase}", content))
            return True
        answer = self.answer(SimulatedRequest(verb=verb, path=path, headers=headers, body=body))
        match answer.way:
            case AnswerWay.WHOLE:
                writer.write(answer.content)
                await writer.drain()
                return headers.get("connection", "").lower() != "close"
            case AnswerWay.SLOWLY:
                return await self._trickle(writer, answer.content)
            case AnswerWay.CUT:
                head, end, body = answer.content.partition(b"\r\n\r\n")
                writer.write(head + end + body[: len(body) // 2])
                await writer.drain()
            case AnswerWay.NEVER:
                while await reader.read(1024):  # until the other side has had enough
                    pass
            case AnswerWay.RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            case AnswerWay.ENDLESS:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
                while not writer.is_closing():
                    writer.write(b" " * 65536)
                    await writer.drain()
        return False

    async def _trickle(self, writer: asyncio.StreamWriter, content: bytes) -> bool:
        for at in range(len(content)):
            if writer.is_closing():
                return False
            writer.write(content[at : at + 1])
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._down.wait(), self.byte_pause_s)
        return True


def http_answer(status: str, content: bytes, *headers: str) -> bytes:
    """Write an answer; `status` is the line's rest, such as `200 OK`."""
    kind = "application/json" if content[:1] in (b"[", b"{", b'"', b"\xef") else "text/html"
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {len(content)}\r\n"
    return (head + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode() + content


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    request, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    verb, path, *_ = request.split(" ")
    return verb, path, {name.strip().lower(): value.strip() for name, _, value in pairs}
