"""Delivery by the real programs: the ERP fails, the CRM is told all the same, nothing is lost (R35, R38)."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.e2e.test_whole_path import ASSIGNEE, command

PART = "M-17"


@dataclass(slots=True, kw_only=True)
class Outside:
    """The bus with a CRM and an ERP to deliver to."""

    bus: Bus
    crm: CallbackReceiver
    erp: KingdeeSimulator

    async def ticket(self) -> str:
        """Open a ticket, assign it and start work."""
        body = {
            "incident_key": {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"},
            "title": "空调不制冷",
            "type": "hardware_fault",
            "region": "上海",
            "customer": {"name": "李雷", "phone": "13812345678"},
        }
        async with self.bus.client() as http:
            answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": uuid4().hex})
        ticket_id = str(answer.json()["ticket_id"])
        for name, given in (("assign", {"assignee": ASSIGNEE}), ("accept", {}), ("arrive", {})):
            answer = await command(self.bus, ticket_id, name, given)
            assert answer.status_code == 200, answer.text
        return ticket_id

    async def ask_for(self, ticket_id: str, part_no: str = PART) -> str:
        """Ask for a part; gives the request's number."""
        number = f"PR-{uuid4().hex[:8]}"
        body = {"request_no": number, "parts": [{"part_no": part_no, "quantity": 1}], "reason": "压缩机损坏"}
        answer = await command(self.bus, ticket_id, "request-parts", body)
        assert answer.status_code == 200, answer.text
        return number

    def events(self, ticket_id: str) -> list[str]:
        """List what happened to a ticket, as committed."""
        rows = self.bus.query("SELECT ce_type FROM events WHERE ticket_id = %s ORDER BY version", ticket_id)
        return [ce_type for (ce_type,) in rows]

    async def happened(self, ticket_id: str, ce_type: str) -> None:
        """Wait until an event is among them."""

        async def there() -> bool:
            return ce_type in self.events(ticket_id)

        await eventually(there, what=lambda: f"{self.events(ticket_id)}: {self.bus.log_of('worker')[-2000:]}")

    async def told(self, ticket_id: str) -> None:
        """Wait until the CRM has every event of a ticket, each once and in order."""

        async def all_of_them() -> bool:
            return len(self.crm.ledger.of_ticket(ticket_id)) == len(self.events(ticket_id))

        await eventually(all_of_them, what=lambda: f"the CRM told: {self.crm.ledger.of_ticket(ticket_id)}")
        assert self.crm.ledger.of_ticket(ticket_id) == list(range(1, len(self.events(ticket_id)) + 1))
        assert self.crm.ledger.repeated() == []

    async def listed(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with --json and read its lines; both systems answer meanwhile."""
        run = await asyncio.to_thread(self.bus.run, *arguments, "--json")
        assert run.returncode in (0, 1), run.stderr
        return [json.loads(line) for line in run.stdout.splitlines()]

    async def waiting(self, target: str, **wanted: Any) -> dict[str, Any]:
        """Wait until a target stands so in `delivery list`."""

        async def stands() -> dict[str, Any] | None:
            found = [one for one in await self.listed("delivery", "list") if one["target"] == target]
            return found[0] if found and wanted.items() <= found[0].items() else None

        found = await eventually(stands, each_s=0.5, what=lambda: self.bus.last_words("worker"))
        assert found is not None
        return found


@asynccontextmanager
async def outside(bus: Bus, folder: Path) -> AsyncIterator[Outside]:
    """Run the bus with its two targets."""
    erp = KingdeeSimulator(stock={PART: 1000})
    async with CallbackReceiver(WEBHOOK_SECRET) as crm, erp.serving():
        account = erp.account
        options = {
            "base_url": erp.url,
            "acct_id": account.acct_id,
            "user": account.user,
            "app_id": account.app_id,
            "app_secret": "ERP_SECRET",
            "org": "100",
            "stock": "CK001",
        }
        quick = {"retry": {"first_wait": "PT0.05S", "longest_wait": "PT0.5S"}, "breaker": {"probe_every": "PT0.5S"}}
        targets = {
            "crm": {"adapter": "crm-callback", "events": "all", "options": {"url": crm.url, "secrets": ["CRM_SECRET"]}},
            "erp": {"adapter": "kingdee", "events": ["PartsRequested"], "options": options, **quick},
        }
        file = folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": targets}))
        secrets = {"CRM_SECRET": WEBHOOK_SECRET, "ERP_SECRET": account.app_secret}
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), **secrets}
        bus.start("gateway")
        bus.start("worker")
        await bus.ready()
        yield Outside(bus=bus, crm=crm, erp=erp)
        assert bus.stop("worker") == 0, bus.log_of("worker")[-2000:]


async def test_delivery_parts_are_issued_by_the_erp_and_the_crm_is_told_everything(bus: Bus, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        ticket_id = await world.ticket()
        await world.ask_for(ticket_id)
        await world.happened(ticket_id, "parts.issued.v1")
        await world.told(ticket_id)
        (bill,) = world.erp.books.bills
        assert world.erp.books.effects(bill.number) == {"made": 1, "submitted": 1, "audited": 1}
        trace_ids = {one.split("-")[1] for one in world.erp.traceparents if one}
        assert trace_ids == {one.traceparent.split("-")[1] for one in world.crm.ledger.effects}
        contents = {one.body["type"]: one.body["data"]["event"] for one in world.crm.ledger.effects}
        assert contents["ticket.opened"]["customer"] == {"name": "李雷", "phone": "13812345678", "address": ""}
        assert [part["part_no"] for part in contents["parts.issued"]["parts"]] == [PART]
        assert "13812345678" not in bus.log_of("worker")
        assert "李雷" not in bus.log_of("worker")


async def test_delivery_the_erps_disk_is_full_and_the_crm_is_told_meanwhile(bus: Bus, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        world.erp.fail(KingdeeFault.DISK_FULL)
        tickets = [await world.ticket() for _ in range(3)]
        for one in tickets:
            await world.ask_for(one)
            await world.told(one)
        found = await world.waiting("erp", waiting=3)
        assert (found["parked"], found["paused"]) == (0, None), "an outage parks nothing"
        world.erp.heal()
        for one in tickets:
            await world.happened(one, "parts.issued.v1")
            await world.told(one)
        assert all(set(world.erp.books.effects(one.number).values()) == {1} for one in world.erp.books.bills)
        assert len(world.erp.books.bills) == 3
        assert await world.listed("deadletter", "list") == []


async def test_delivery_a_worker_killed_while_it_delivers_repeats_no_effect(bus: Bus, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        ticket_id = await world.ticket()
        world.erp.fail(KingdeeFault.HANG_AFTER, times=1, only=("Save",))
        await world.ask_for(ticket_id)

        async def saved() -> bool:
            return bool(world.erp.books.bills)

        await eventually(saved, what=lambda: bus.log_of("worker")[-2000:])
        bus.stop("worker", signal.SIGKILL)
        bus.query("UPDATE delivery_heads SET next_at = now() - interval '1 s' RETURNING 1")  # the lease, over early
        await asyncio.to_thread(bus.end_sessions)
        bus.start("worker")
        await world.happened(ticket_id, "parts.issued.v1")
        await world.told(ticket_id)
        (bill,) = world.erp.books.bills
        assert world.erp.books.effects(bill.number) == {"made": 1, "submitted": 1, "audited": 1}


async def test_delivery_a_letter_is_read_and_sent_again_once_the_material_is_known(bus: Bus, tmp_path: Path) -> None:
    async with outside(bus, tmp_path) as world:
        ticket_id = await world.ticket()
        await world.ask_for(ticket_id, "M-99")
        await world.waiting("erp", parked=1)
        (group,) = await world.listed("deadletter", "list")
        assert (group["target"], group["event"], group["kind"], group["letters"]) == (
            "erp",
            "PartsRequested",
            "rejected",
            1,
        )
        (letter,) = await world.listed("deadletter", "show", str(group["sample"]))
        assert letter["ticket_id"] == ticket_id
        assert letter["decoded"]["parts"] == [{"part_no": "M-99", "quantity": 1}]
        assert letter["failures"]
        world.erp.books.stock["M-99"] = 5
        decided = ("--by", "张工", "--why", "物料已建档")
        sent = await asyncio.to_thread(bus.run, "deadletter", "retry", str(letter["id"]), *decided)
        assert sent.returncode == 0
        await world.happened(ticket_id, "parts.issued.v1")
        again = await asyncio.to_thread(bus.run, "deadletter", "retry", str(letter["id"]), *decided)
        assert again.returncode == 1
        assert str(letter["id"]) in again.stderr
        assert (await asyncio.to_thread(bus.run, "deadletter", "list")).returncode == 0


@pytest.mark.parametrize("secret", ["", "whsec_short"])
async def test_delivery_a_worker_without_a_targets_secret_says_which(bus: Bus, tmp_path: Path, secret: str) -> None:
    file = tmp_path / "targets.yaml"
    options = {"url": "http://127.0.0.1:9/x", "secrets": ["CRM_SECRET"]}
    file.write_text(
        yaml.safe_dump({"targets": {"crm": {"adapter": "crm-callback", "events": "all", "options": options}}})
    )
    bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": secret}
    run = bus.run("worker")
    assert run.returncode in (1, 2)
    assert "CRM_SECRET" in run.stderr
    assert not secret or secret not in run.stderr
