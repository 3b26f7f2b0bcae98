"""Asking a gateway as a role of its clients."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2

OPENING: dict[str, Any] = {"incident_key": {"kind": "serial", "value": "SN-1"}, "title": "不制冷",
                           "type": "hardware_fault", "region": "east"}  # fmt: skip


@dataclass
class ByRole:
    """Asks by `http`; each role's token is its name."""

    http: httpx2.AsyncClient = field(init=False)
    keys: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    async def post(
        self, path: str, json: object = None, *, role: str = "admin", key: str | None = None, **options: Any
    ) -> httpx2.Response:
        """Post as a role, with a new key unless one is given."""
        headers = {"Authorization": f"Bearer {role}", "Idempotency-Key": key or f"key-{self.keys()}"}
        return await self.http.post(path, json=json, headers=headers | options.pop("headers", {}), **options)

    async def get(self, path: str, role: str = "admin", **options: Any) -> httpx2.Response:
        """Get as a role."""
        return await self.http.get(path, headers={"Authorization": f"Bearer {role}"}, **options)

    async def opened(self, value: str = "SN-1") -> str:
        """Open a ticket and give its number."""
        answer = await self.post("/v1/tickets", {**OPENING, "incident_key": {"kind": "serial", "value": value}})
        assert answer.status_code in {200, 201}, answer.text
        return str(answer.json()["ticket_id"])
