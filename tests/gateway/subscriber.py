"""A subscriber for tests: opens the stream and reads frames."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.gateway.conftest import Gateway

Frame = dict[str, Any]


@contextlib.asynccontextmanager
async def subscribed(gateway: Gateway, query: str, role: str = "subscriber") -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {role}"}
    async with connect(f"{gateway.url}/v1/stream?{query}", additional_headers=headers, proxy=None) as ws:
        yield ws


async def frames(ws: ClientConnection, count: int) -> list[Frame]:
    async with asyncio.timeout(60):
        return [orjson.loads(await ws.recv()) for _ in range(count)]


async def until_closed(ws: ClientConnection) -> tuple[list[Frame], int | None, str]:
    got: list[Frame] = []
    async with asyncio.timeout(60):
        try:
            while True:
                got.append(orjson.loads(await ws.recv()))
        except ConnectionClosed as closed:
            return got, closed.rcvd.code if closed.rcvd else None, closed.rcvd.reason if closed.rcvd else ""


def named(got: list[Frame]) -> list[tuple[str, int]]:
    return [(one["ce"]["subject"], one["ticket_version"]) for one in got]
