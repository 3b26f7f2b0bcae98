"""The three faults of January 2026, each really made: an unheard 500, a full disk, a misspelled topic."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from adapters.engineer_app.card import is_for
from adapters.simulators.demo.context import DiskMade
from adapters.simulators.drill.systems import ERP_HOST
from adapters.simulators.engineer_app import EngineerApp, SubscriptionRefused
from adapters.simulators.host_client import HostClient
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.systems_around import PART
from adapters.simulators.webhook_sender import WebhookSender

ENGINEER: Final = "张伟"
ASSIGNEE: Final = {
    "role": "field_engineer",
    "person": ENGINEER,
    "contact": "13700000001",
    "backup_person": "陈静",
    "backup_contact": "13700000002",
}
MISSPELLED, RIGHT = "ticket.assigns", "ticket.assign"
GIB: Final = 1024.0**3
AGO: Final = timedelta(minutes=10)  # so old are the CRM's tickets: what is younger is not reconciled yet
# As fast as the tables of a runaway job grow, so that nobody waits for hours: at its floor after 35 s.
DISK: Final = DiskMade(host=ERP_HOST, path="/data", total_bytes=200 * GIB, used_bytes=174.8 * GIB, growth=0.15 * GIB)
CLEANED_BYTES: Final = 60 * GIB
_PARTS: Final = {"parts": [{"part_no": PART, "quantity": 1}], "reason": "现场更换"}
POST_EVERY_S: Final = 1.0
RETRY_S: Final = 2.0


async def report(crm: WebhookSender, source_no: str) -> int:
    """Let the CRM report an incident, once; gives what it was answered."""
    number = source_no.rpartition("-")[2]
    asked = {
        "type": "ticket.created",
        "timestamp": (datetime.now(UTC) - AGO).isoformat(),
        "data": {
            "source_no": source_no,
            "title": "空调不制冷",
            "type": "hardware_fault",
            "region": "south",
            "incident_key": {"kind": "serial", "value": f"SN-{source_no}"},
            "customer": {"name": "陈女士", "phone": f"138{int(number):08d}"},
        },
    }
    _, answer = await crm.answer("POST", orjson.dumps(asked))
    return int(orjson.loads(answer)["answers"][0]["status"] or 0)


@dataclass(slots=True, kw_only=True)
class ErpDisk:
    """The disk of the ERP's host: a budget of bytes, read by its watch, and full for the ERP when it is spent."""

    host: HostClient
    erp: KingdeeSimulator
    filling_since: float | None = None
    used_at_rest: float = DISK.used_bytes  # as its history ends: a fall after that would be a clean-up

    @property
    def used(self) -> float:
        """Give the bytes that are used now."""
        if self.filling_since is None:
            return self.used_at_rest
        return min(DISK.used_bytes + DISK.growth * (time.monotonic() - self.filling_since), DISK.total_bytes)

    def fill(self) -> None:
        """Begin to fill it."""
        self.filling_since = time.monotonic()

    def free(self) -> None:
        """Clean it up."""
        self.filling_since, self.used_at_rest = None, CLEANED_BYTES
        self.erp.heal()

    async def watch(self) -> None:
        """Post its readings until cancelled, as `ticketbus watch` does."""
        while True:
            used = self.used
            if used >= DISK.total_bytes and not self.erp.switched_on:
                self.erp.fail(KingdeeFault.DISK_FULL)
            await self.host.post(DISK.path, DISK.total_bytes, DISK.total_bytes - used)
            await asyncio.sleep(POST_EVERY_S)


@dataclass(slots=True, kw_only=True)
class AppRelease:
    """The engineers' app: one release follows the right topic, the next one another, and asks again and again."""

    app: EngineerApp
    accepted: set[str] = field(default_factory=set)

    async def insist(self, topic: str) -> None:
        """Follow a topic until cancelled, and ask again whenever that is refused."""
        while True:
            with suppress(SubscriptionRefused):
                await self.follow(topic)
            await asyncio.sleep(RETRY_S)

    async def follow(self, topic: str) -> None:
        """Follow a topic until cancelled: each ticket of this engineer is accepted, and gets its part."""
        async with aclosing(self.app.events([topic])) as events:
            async for frame in events:
                event: Mapping[str, Any] = frame["data"]
                if frame["ce"]["type"].startswith("ticket.assigned") and is_for(ENGINEER, event):
                    await self.work(frame["ce"]["subject"])

    async def work(self, ticket_id: str) -> None:
        """Accept a ticket, begin, and ask for a part; one that was accepted before is left."""
        if ticket_id in self.accepted:
            return
        for label, values in (
            ("接单", {}),
            ("开始处理", {}),
            ("领料", _PARTS),
        ):
            answer = await self.app.tap(label, ticket_id, **values)
            if not answer.done:
                return
        self.accepted.add(ticket_id)
