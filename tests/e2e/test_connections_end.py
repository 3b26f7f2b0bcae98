"""A connection that is over is over at once, and the gateway keeps nothing of it; on the loop that programs run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from httpx2 import EventSource, ServerSentEvent
from websockets.asyncio.client import connect

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus, bus_on, eventually


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    with bus_on(parts, tmp_path, database_kept=False) as made:
        yield made


OWN = 4  # connections to PostgreSQL and Kafka that the gateway may open meanwhile


async def test_connections_end_at_once_and_leave_no_descriptor(bus: Bus) -> None:
    gateway = psutil.Process(bus.start("gateway"))
    await bus.ready()
    before = gateway.num_fds()
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics=ticket.events"
    for _ in range(5):
        ws = await connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None, close_timeout=None)
        await ws.recv()
        async with asyncio.timeout(5):  # a client waits for the end of the connection
            await ws.close()
    events = "/v1/stream?topics=ticket.events"
    async with bus.client() as http:
        for _ in range(5):
            async with http.sse(events) as source, asyncio.timeout(5):
                assert (await anext(aiter(source))).event == "ready"
        for _ in range(20):
            async with asyncio.timeout(5):
                await http.get("/v1/topics", headers={"Connection": "close"})

    async def as_before() -> bool:
        return gateway.num_fds() <= before + OWN  # a leak of each kind of connection leaves five

    await eventually(as_before, within_s=30, what="the gateway let go of every connection")
    async with bus.client() as http, http.sse(events) as source:
        got = [one.event async for one in _until_the_end(source, bus)]
    assert got == ["ready"]  # and a whole answer: its end is no error to the client
    assert "ASGI callable" not in bus.log_of("gateway")


async def _until_the_end(source: EventSource, bus: Bus) -> AsyncIterator[ServerSentEvent]:
    stopping = None
    async with asyncio.timeout(30):
        async for one in source:
            stopping = stopping or asyncio.create_task(asyncio.to_thread(bus.stop, "gateway"))
            yield one
    assert stopping is not None
    assert await stopping == 0
