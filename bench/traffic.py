"""Live traffic at a steady rate through the HTTP door: tickets are opened, each with its own key."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx2

from bench.bus import TOKEN, Bus


async def steady(bus: Bus, *, per_s: float, goes_on: Callable[[], bool]) -> int:
    """Open tickets at this rate for as long as `goes_on` says; gives how many. Raises on any other answer than 201."""
    headers, opened, began = {"Authorization": f"Bearer {TOKEN}"}, list[asyncio.Task[None]](), monotonic()
    async with (
        httpx2.AsyncClient(base_url=bus.url, headers=headers, timeout=20, trust_env=False) as http,
        asyncio.TaskGroup() as group,
    ):
        while goes_on():
            opened.append(group.create_task(_open(http)))
            await asyncio.sleep(max(0.0, began + len(opened) / per_s - monotonic()))
    return len(opened)


async def _open(http: httpx2.AsyncClient) -> None:
    key = uuid4().hex
    answer = await http.post("/v1/tickets", json=ticket(key), headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text


def ticket(key: str) -> dict[str, Any]:
    """Make the body that opens a ticket of its own."""
    return {
        "incident_key": {"kind": "serial", "value": f"SN-{key[:20]}"},
        "title": "洗衣机漏水",
        "type": "hardware_fault",
        "region": "上海",
        "customer": {"name": "李女士", "phone": "13800001111"},
    }
