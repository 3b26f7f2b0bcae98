"""An address of Kafka where nobody answers, until its door is opened."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def door_to(address: str) -> AsyncIterator[tuple[str, Callable[[], Any]]]:
    """Give an address where nobody answers, until its door is opened: then whoever comes is led on."""
    host, port = address.split(":")

    async def lead_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copied(reader, back), copied(onward, writer))

    async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(lead_on, "127.0.0.1", 0, start_serving=False)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", server.start_serving
    finally:
        server.close()
        await server.wait_closed()
