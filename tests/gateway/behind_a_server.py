"""A gateway behind a real server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2
import uvicorn

from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.http.uvicorn_http import HttpProtocol

if TYPE_CHECKING:
    from tests.gateway.conftest import Gateway


@contextlib.asynccontextmanager
async def behind_a_server(gateway: "Gateway") -> "AsyncIterator[Gateway]":
    """Serve a gateway on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        gateway.url = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            gateway.app, http=HttpProtocol, log_config=None, access_log=False, ws_per_message_deflate=False
        )
        server = EmbeddedUvicorn(config)
        task = asyncio.create_task(server.serve([listening]))
        async with asyncio.timeout(60), gateway.http:
            while not server.started:
                await asyncio.sleep(0.01)
        gateway.http = httpx2.AsyncClient(base_url=gateway.url.replace("ws", "http"), trust_env=False)
        async with gateway.http:
            yield gateway
        server.should_exit = True
        await task
