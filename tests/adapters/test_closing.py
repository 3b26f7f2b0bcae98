"""A server that closes while somebody is connecting leaves no connection open."""

import asyncio
import socket
from typing import Any

import pytest

from adapters.simulators.closing import close_server


async def test_close_server_whoever_was_accepted_in_the_same_turn_of_the_loop_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop: Any = asyncio.get_running_loop()
    accepting, served = asyncio.Event(), asyncio.Event()
    accept = loop._accept_connection2

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.set()
        writer.close()

    def accept_late(*args: Any) -> Any:
        accepting.set()  # who waits for this runs before the connection that was accepted gets its transport
        return accept(*args)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    monkeypatch.setattr(loop, "_accept_connection2", accept_late)
    with socket.create_connection(server.sockets[0].getsockname()):
        await accepting.wait()
        await close_server(server)
        async with asyncio.timeout(10):
            await served.wait()
