"""A small HTTP server that answers as it is asked to, and keeps what came."""

import asyncio
from typing import Self

from adapters.simulators.closing import close_server

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"


class Receiver:
    """Answers each request with `answer`, and keeps what came."""

    def __init__(self) -> None:
        self.answer = OK % (0, b"")
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.targets: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "it was entered"
        await close_server(self._server)

    @property
    def url(self) -> str:
        """Give its address, with a token in it."""
        return f"http://127.0.0.1:{self.port}/hooks?token=abcd-efgh"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
        self.targets.append(head.split()[1])
        self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(self.answer)
        await writer.drain()
        writer.close()
