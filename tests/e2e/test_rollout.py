"""A rollout by the real programs: the new version takes its share, dies, and everything is with the old one again."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import yaml

from adapters.simulators.callback_receiver import CallbackReceiver
from bus.delivery.rollout import share_of
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.e2e.test_whole_path import command

TICKETS = 8
DECISION = ("--by", "张工", "--why", "test")


async def opened(bus: Bus) -> str:
    """Open a ticket."""
    body = {
        "incident_key": {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"},
        "title": "空调不制冷",
        "type": "hardware_fault",
    }
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


async def noted(bus: Bus, tickets: Sequence[str]) -> None:
    """Let something happen to each ticket."""
    for one in tickets:
        answer = await command(bus, one, "note", {"text": "已联系客户"})
        assert answer.status_code == 200, answer.text


async def test_rollout_a_new_version_that_dies_gives_its_tickets_back_and_each_event_arrives_once(
    bus: Bus, tmp_path: Path
) -> None:
    async with CallbackReceiver(WEBHOOK_SECRET) as old, CallbackReceiver(WEBHOOK_SECRET) as new:
        options = {"url": old.url, "secrets": ["CRM_SECRET"]}
        one = {"adapter": "crm-callback", "events": "all", "options": options}
        one["retry"] = {"first_wait": "PT0.05S", "longest_wait": "PT0.5S"}
        two = {**one, "canary_of": "crm", "options": {**options, "url": new.url}}
        file = tmp_path / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": {"crm": one, "crm-v2": two}}))
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}
        bus.start("worker")
        bus.start("gateway")
        await bus.ready()

        async def declared() -> bool:
            return bus.query("SELECT 1 FROM delivery_targets WHERE canary_of = 'crm'") != []

        await eventually(declared, what=lambda: bus.last_words("worker"))
        started = await asyncio.to_thread(bus.run, "rollout", "start", "crm", "crm-v2", *DECISION)
        assert started.returncode == 0, started.stderr
        bus.query("UPDATE rollouts SET percent = 50 RETURNING 1")
        tickets = [await opened(bus) for _ in range(TICKETS)]
        moved = {one for one in tickets if share_of(one) < 50}
        await noted(bus, tickets)

        def got(ticket: str) -> tuple[list[int], list[int]]:
            return old.ledger.of_ticket(ticket), new.ledger.of_ticket(ticket)

        async def split() -> bool:
            return all(got(one) == (([], [1, 2]) if one in moved else ([1, 2], [])) for one in tickets)

        await eventually(split, what=lambda: f"{moved}: {[(one, got(one)) for one in tickets]}")
        await new.stop()
        await noted(bus, tickets)
        await noted(bus, tickets)

        async def all_back() -> bool:
            return all(got(one) == (([3, 4], [1, 2]) if one in moved else ([1, 2, 3, 4], [])) for one in tickets)

        await eventually(all_back, what=lambda: f"{moved}: {[(one, got(one)) for one in tickets]}")
        listed = await asyncio.to_thread(bus.run, "rollout", "list")
        assert "rolled_back  50%" in listed.stdout

        async def alerted() -> bool:
            return bus.query("SELECT 1 FROM alerts WHERE rule = 'rolled_back' AND opened_at IS NOT NULL") != []

        await eventually(alerted, what=lambda: bus.last_words("worker"))
        assert (old.ledger.repeated(), new.ledger.repeated()) == ([], [])
