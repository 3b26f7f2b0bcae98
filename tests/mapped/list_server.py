"""A list over HTTP with the habits of vendors: pages, changes that show late, throttling, halves of answers."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from adapters.simulators.closing import close_server


@dataclass(slots=True)
class ListServer:
    """Gives `documents` that changed since the parameter `since`, `page_size` at a time; keeps the queries."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 2
    queries: list[Mapping[str, Sequence[str]]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    fails: list[bytes] = field(default_factory=list)
    next_url: str = ""
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "it was entered"
        await close_server(self._server)

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}/cases?view=all"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        self.headers.append({name.lower(): value for name, _, value in (one.partition(": ") for one in lines[1:])})
        query = parse_qs(urlsplit(lines[0].split()[1]).query)
        self.queries.append(query)
        writer.write(self.fails.pop(0) if self.fails else self._page(query))
        await writer.drain()
        writer.close()

    def _page(self, query: Mapping[str, Sequence[str]]) -> bytes:
        since, begin = query["since"][0], int(query.get("cursor", ["0"])[0])
        found = sorted((one for one in self.documents if one["updated"] >= since), key=lambda one: one["updated"])
        page = found[begin : begin + self.page_size]
        body: dict[str, Any] = {"cases": page}
        if begin + self.page_size < len(found):
            body["next"] = begin + self.page_size
        if self.next_url:
            body["next"] = self.next_url
        content = json.dumps(body).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
            len(content),
            content,
        )
