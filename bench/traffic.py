"""Live traffic at a steady rate through the HTTP door: tickets are opened, each with its own key."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import httpx2

from bench.bus import TOKEN, Bus, until


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


@dataclass(slots=True, kw_only=True)
class Mixed:
    """Commands through several gateways in turn: one in four opens a ticket, the others note something on one."""

    urls: Sequence[str]
    _sent: int = 0
    _opened: list[str] = field(default_factory=list)
    _chance: Random = field(default_factory=lambda: Random(4))  # noqa: S311 - no secret

    async def ready(self) -> None:
        """Wait until every gateway says that it is ready."""

        async def answers() -> bool:
            try:
                async with httpx2.AsyncClient(trust_env=False) as http:
                    return all([(await http.get(f"{url}/readyz")).status_code == 200 for url in self.urls])
            except httpx2.TransportError:
                return False

        await until(answers, within_s=60, each_s=0.1)

    async def steady(self, *, per_s: float, seconds: float) -> int:
        """Send at a rate; gives how many. Raises on an answer that is no success."""
        began, sent = monotonic(), 0
        async with self._clients() as clients, asyncio.TaskGroup() as group:
            turn = cycle(clients)
            while monotonic() < began + seconds:
                group.create_task(self._send(next(turn)))
                sent += 1
                await asyncio.sleep(max(0.0, began + sent / per_s - monotonic()))
        return sent

    async def flood(self, *, at_once: int, seconds: float) -> int:
        """Send so many at once for so long; gives how many were answered."""
        end, before = monotonic() + seconds, self._sent

        async def client(http: httpx2.AsyncClient) -> None:
            while monotonic() < end:
                await self._send(http)

        async with self._clients() as clients, asyncio.TaskGroup() as group:
            turn = cycle(clients)
            for _ in range(at_once):
                group.create_task(client(next(turn)))
        return self._sent - before

    async def _send(self, http: httpx2.AsyncClient) -> None:
        self._sent += 1
        key, opens = uuid4().hex, self._sent % 4 == 1 or not self._opened
        path, body = ("", ticket(key)) if opens else (f"/{self._chance.choice(self._opened)}/note", NOTE)
        answer = await http.post(f"/v1/tickets{path}", json=body, headers={"Idempotency-Key": key})
        assert answer.is_success, answer.text
        if opens:
            self._opened.append(answer.json()["ticket_id"])

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[Sequence[httpx2.AsyncClient]]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(
                    httpx2.AsyncClient(base_url=url, headers=headers, timeout=20, trust_env=False)
                )
                for url in self.urls
            ]


NOTE: Final[dict[str, Any]] = {"text": "客户来电询问进度"}


def ticket(key: str) -> dict[str, Any]:
    """Make the body that opens a ticket of its own."""
    return {
        "incident_key": {"kind": "serial", "value": f"SN-{key[:20]}"},
        "title": "洗衣机漏水",
        "type": "hardware_fault",
        "region": "上海",
        "customer": {"name": "李女士", "phone": "13800001111"},
    }
