"""An engineer of a test's own on a bus that pushes, with tickets and an app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from websockets.asyncio.client import ClientConnection, connect

from adapters.simulators.engineer_app import EngineerApp
from bus.gateway.auth.clients import add_client
from bus.gateway.auth.roles import Role
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_whole_path import ASSIGNEE, command


@dataclass(slots=True, kw_only=True)
class World:
    """A bus with an engineer of this test's own."""

    bus: Bus
    folder: Path
    token: str
    person: str

    async def ticket(self, phone: str = "") -> str:
        """Open a ticket and assign it to the engineer; its customer has that phone."""
        body: dict[str, Any] = {
            "incident_key": {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"},
            "title": "空调不制冷",
            "type": "hardware_fault",
            **({"customer": {"phone": phone}} if phone else {}),
        }
        async with self.bus.client() as http:
            answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": uuid4().hex})
        ticket_id = str(answer.json()["ticket_id"])
        await self.told(ticket_id, "assign", {"assignee": ASSIGNEE | {"person": self.person}})
        return ticket_id

    async def told(self, ticket_id: str, name: str, body: dict[str, Any]) -> None:
        """Let something happen to a ticket."""
        answer = await command(self.bus, ticket_id, name, body)
        assert answer.status_code == 200, answer.text

    @asynccontextmanager
    async def app(self, *, url: str = "", device: str = "phone") -> AsyncIterator[EngineerApp]:
        """Carry the engineer's app about, connected."""
        cursor = self.folder / "cursor"
        at = url or self.bus.url
        async with EngineerApp(at, self.token, cursor, person=self.person, device=device, pause_s=0.05) as app:
            taking = asyncio.create_task(app.pushes())
            await asyncio.wait_for(app.connected.wait(), 120)
            try:
                yield app
            finally:
                taking.cancel()
                with suppress(asyncio.CancelledError):
                    await taking

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """Open a bare session."""
        address = f"{self.bus.url.replace('http', 'ws', 1)}/v1/engineer/pushes?person={self.person}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            assert orjson.loads(await socket.recv()) == {"kind": "ready", "person": self.person}
            yield socket

    def rows(self, ticket_id: str) -> list[tuple[Any, ...]]:
        """Read how a ticket's deliveries stand: version, state, and how often each was tried."""
        return self.bus.query(
            """SELECT version, state, CASE WHEN state = 'waiting' THEN coalesce(h.attempts, 0) ELSE d.attempts END
            FROM deliveries d LEFT JOIN delivery_heads h USING (target, ticket_id, version)
            WHERE ticket_id = %s ORDER BY version""",
            ticket_id,
        )

    async def done(self, ticket_id: str, last: int) -> None:
        """Wait until everything up to a version is settled, and the newest as taken by somebody."""

        async def it_is() -> bool:
            rows = self.rows(ticket_id)
            return len(rows) == last and rows[-1][1] == "done" and all(row[1] != "waiting" for row in rows)

        await eventually(it_is, what=lambda: f"{self.rows(ticket_id)} {self.bus.last_words('gateway')}")


async def world_on(bus: Bus, folder: Path) -> World:
    """Give the engineer a token."""
    name = f"eng-{uuid4().hex[:8]}"
    async with bus.core() as core:
        token = await add_client(core.pool, name, Role.ENGINEER)
    return World(bus=bus, folder=folder, token=token, person=f"王磊-{name}")
