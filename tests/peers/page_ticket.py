"""Tickets with an engineer's page, for browsers; and what others do with them meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from tests.bus_under_test import Bus

ASSIGNEE = {"role": "外协工程师", "person": "孙师傅", "contact": "13800000001", "backup_person": "李工",
            "backup_contact": "13800000002"}  # fmt: skip
OPENING = {
    "title": "冷柜不制冷 <b>急</b>", "type": "hardware_fault", "region": "east", "product": "冷柜 X2",
    "customer": {"name": "陈女士", "phone": "13900001234", "address": "上海市黄浦区南京东路 1 号 地下一层"},
}  # fmt: skip


@dataclass(frozen=True)
class PageTicket:
    """A ticket with its assignee's page; `act` does what others do meanwhile."""

    bus: Bus
    number: str
    page: str

    async def act(self, command: str, body: dict[str, Any]) -> None:
        """Let an administrator act."""
        async with self.bus.client() as http:
            answer = await http.post(
                f"/v1/tickets/{self.number}/{command}", json=body, headers={"Idempotency-Key": uuid4().hex}
            )
            assert answer.status_code == 200, answer.text

    async def events(self) -> Sequence[dict[str, Any]]:
        """List what the page's engineer did."""
        async with self.bus.client() as http:
            answer = await http.get(f"/v1/tickets/{self.number}/events")
        return [one for one in answer.json()["events"] if one["source"] == "engineer-page"]


async def assigned(bus: Bus) -> PageTicket:
    """Open a ticket and assign it."""
    key = {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"}
    async with bus.client() as http:
        opened = await http.post(
            "/v1/tickets", json={**OPENING, "incident_key": key}, headers={"Idempotency-Key": uuid4().hex}
        )
        assert opened.status_code == 201, opened.text
        number = opened.json()["ticket_id"]
        await PageTicket(bus, number, "").act("assign", {"assignee": ASSIGNEE})
        url = (await http.get(f"/v1/tickets/{number}/engineer-link")).json()["link"]
    return PageTicket(bus, number, urlsplit(url).path)


def photos(folder: Path, *contents: bytes) -> list[str]:
    """Give files with these contents, as a phone's gallery has them."""
    made = [folder / f"photo-{number}.jpg" for number in range(len(contents))]
    for file, content in zip(made, contents, strict=True):
        file.write_bytes(content)
    return [str(file) for file in made]
