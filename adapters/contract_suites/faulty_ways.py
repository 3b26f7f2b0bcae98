"""Bad ways to a system, for tests: a proxy that loses one answer, and a server that says whatever it is told to."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from adapters.simulators.closing import close_server

HOST = "127.0.0.1"
TRICKLE_S = 0.05
_END = b"\r\n\r\n"
_CONNECTION = re.compile(rb"\r\nconnection:[^\r]*", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Loss(Enum):
    """What becomes of the answer to a request that has reached the system."""

    CUT = "the connection ends before the answer"
    HALF = "the connection ends in the middle of the answer"
    SILENCE = "no answer, and the connection stays"


@dataclass(slots=True, kw_only=True)
class LosingProxy:
    """Hands requests on to a system and its answers back, but loses the answer number `lost` (from 1; 0: none)."""

    url: str
    lost: int = 0
    loss: Loss = Loss.CUT
    exchanges: int = 0
    _system: str = field(default="")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one exchange a connection."""
        request = await read_message(reader)
        self.exchanges += 1
        number, system = self.exchanges, urlsplit(self._system)
        there, back = await asyncio.open_connection(system.hostname, system.port)
        try:
            back.write(_closing(request))
            answer = _closing(await read_message(there, until_end=True))
        finally:
            back.close()
        if number != self.lost:
            writer.write(answer)
        elif self.loss is Loss.HALF:
            writer.write(answer[: len(answer) - len(answer.partition(_END)[2]) // 2 - 1])
        elif self.loss is Loss.SILENCE:
            await reader.read()


@asynccontextmanager
async def losing_proxy(system_url: str, *, lost: int = 0, loss: Loss = Loss.CUT) -> AsyncIterator[LosingProxy]:
    """Stand between a caller and a system on this machine."""
    proxy = LosingProxy(url="", lost=lost, loss=loss, _system=system_url)
    async with listening(proxy.serve) as address:
        proxy.url = urlunsplit(urlsplit(system_url)._replace(netloc=address))
        yield proxy


@asynccontextmanager
async def responding_with(answer: bytes, *, then: bytes = b"", each_s: float | None = None) -> AsyncIterator[str]:
    """Answer every request with these bytes; with `each_s` go on with `then` for ever, that long apart. Gives a URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_message(reader)
        writer.write(answer)
        while each_s is not None:
            writer.write(then)
            await writer.drain()
            await asyncio.sleep(each_s)

    async with listening(serve) as address:
        yield f"http://{address}"


def http_response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Write an HTTP answer; header names with `_` for `-`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Some", f"content-length: {len(body)}", "connection: close", *lines])
    return head.encode() + b"\r\n\r\n" + body


async def read_message(reader: asyncio.StreamReader, *, until_end: bool = False) -> bytes:
    """Read one HTTP message; without a length its body is what comes until the end, or nothing."""
    head = await reader.readuntil(_END)
    length = _LENGTH.search(head)
    if length:
        return head + await reader.readexactly(int(length[1]))
    return head + (await reader.read() if until_end else b"")


def _closing(message: bytes) -> bytes:
    """Make it the last message of its connection."""
    head, _, body = message.partition(_END)
    return _CONNECTION.sub(b"", head) + b"\r\nConnection: close" + _END + body


@asynccontextmanager
async def listening(serve: Serve, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve each connection until it or the block ends; gives host:port."""
    open_now = set[asyncio.Task[None]]()
    ended = False

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        try:
            if not ended:
                await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller has left, or the block has ended
        finally:
            open_now.discard(task)
            writer.close()

    server = await asyncio.start_server(one, HOST, 0, ssl=tls)
    try:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        await close_server(server)
        ended = True
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
        await server.wait_closed()
