"""A TCP proxy between a program and a part: it can go away and come back, as networks do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.simulators.closing import close_server


@dataclass(slots=True, kw_only=True)
class Proxy:
    """Forwards a port to another while it is `up`; `cut` drops every connection and refuses new ones.

    `swapped`: bytes of answers that others, as many, stand in for.
    """

    host: str
    to_port: int
    port: int = 0
    swapped: Mapping[bytes, bytes] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    async def mend(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Go away."""
        server, self._server = self._server, None
        if server is not None:
            await close_server(server)
        for each in tuple(self._open):
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        if self._server is None:  # accepted in the moment of the cut
            writer.transport.abort()
            return
        self._open.add(serving)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._forward(reader, writer)
        finally:
            self._open.discard(serving)
            writer.transport.abort()

    def _swapped(self, data: bytes) -> bytes:
        for before, after in self.swapped.items():
            assert len(before) == len(after), "the answer's length is told before"
            data = data.replace(before, after)
        return data

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.host, self.to_port)
        try:
            await asyncio.gather(pump(reader, back), pump(there, writer, self._swapped))
        finally:
            back.transport.abort()


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes] = bytes
) -> None:
    """Copy until the one side has ended, then end the other."""
    while data := await reader.read(65536):
        writer.write(change(data))
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """Run a proxy, up at first."""
    async with unreachable(host, port) as proxy:
        await proxy.mend()
        yield proxy


@asynccontextmanager
async def unreachable(host: str, port: int) -> AsyncIterator[Proxy]:
    """Run a proxy that has a port and refuses everybody until it is mended."""
    proxy = Proxy(host=host, to_port=port)
    await proxy.mend()
    await proxy.cut()
    try:
        yield proxy
    finally:
        await proxy.cut()
