"""A work order on the whole bus, typed from docs/work-orders.md: steps, approvals, Kafka, audit and trace (R48)."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bus_under_test import TOKEN, Bus, eventually
from tests.e2e.test_whole_path import command

PAGE = Path(__file__).parents[2] / "docs" / "work-orders.md"
HANDLER = {"role": "engineer", "person": "张伟", "contact": "13700000001", "backup_person": "陈静",
           "backup_contact": "13700000002"}  # fmt: skip
PEOPLE = """people:
  钱队: {role: team_lead, regions: [华东], capacity: 3, contact: "13700000003", backup: 陈静}
  陈静: {role: engineer, regions: [华东], capacity: 3, contact: "13700000002", backup: 钱队}
"""
RESOLVE = {"photos": [], "summary": "更换主控板", "root_cause": "control_board"}


async def typed_from_the_page(bus: Bus, ticket: str) -> list[dict[str, Any]]:
    """Run the commands of the how-to in a shell; gives each answer."""
    script = PAGE.read_text(encoding="utf-8").split("```sh\n")[1].split("```")[0]
    environment = {**os.environ, "TICKETBUS_URL": bus.url, "TICKETBUS_TOKEN": TOKEN, "TICKET": ticket, "no_proxy": "*"}
    shell = ["bash", "-c", script.replace("wo-", f"{ticket}-")]
    ran = await asyncio.to_thread(subprocess.run, shell, env=environment, capture_output=True, text=True)
    return [json.loads(f"{{{one}") for one in ran.stdout.split("{")[1:]]


async def test_work_order_of_the_how_to_goes_through_bus_kafka_and_audit_r48(running: Bus, tmp_path: Path) -> None:
    bus = running
    people = tmp_path / "people.yaml"
    people.write_text(PEOPLE, encoding="utf-8")
    applied = await asyncio.to_thread(bus.run, "people", "apply", str(people))
    assert applied.returncode == 0, applied.stderr
    async with bus.client() as http:
        key = {"kind": "serial", "value": uuid4().hex}
        opening = {"incident_key": key, "title": "不制冷", "type": "hardware_fault"}
        opened = await http.post("/v1/tickets", json=opening, headers={"Idempotency-Key": uuid4().hex})
        ticket = opened.json()["ticket_id"]
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (("assign", {"assignee": HANDLER}), ("start", {}))
    for name, body in bodies:
        assert (await command(bus, ticket, name, body)).status_code == 200
    answers = await typed_from_the_page(bus, ticket)
    assert [one.get("answer", one) for one in answers] == ["changed"] * 6
    refused = (await command(bus, ticket, "resolve", RESOLVE)).json()
    assert (refused["code"], refused["step"]) == ("step_open", "hand-over")
    assert "通电试机并交付" in refused["detail"]
    bodies = (
        ("sign-step", {"step": "hand-over", "actor": "张伟"}),
        ("approve-step", {"step": "hand-over", "level": "team_lead", "actor": "钱队"}),
        ("resolve", RESOLVE),
    )
    for name, body in bodies:
        answer = await command(bus, ticket, name, body)
        assert answer.status_code == 200, (name, answer.text)

    shown = await asyncio.to_thread(bus.run, "ticket", "work-order", ticket)
    assert "已完成 finished" in shown.stdout
    assert "✓ team_lead 钱队" in shown.stdout
    history = await asyncio.to_thread(bus.run, "audit", ticket)
    assert [word for word in ("启动作业单", "签核步骤", "批准步骤") if word not in history.stdout] == []

    async def read() -> list[dict[str, Any]]:
        lines = (
            await asyncio.to_thread(bus.run, "subscribe", "ticket.steps", "--from", "start", "--until-now", "--json")
        ).stdout.splitlines()
        found = [one["data"] for one in map(json.loads, lines) if one["data"]["ticket_id"] == ticket]
        return found if len(found) == 8 else []

    events = await eventually(read, each_s=0.5)
    assert [one["event_type"] for one in events][:3] == [
        "work.order.started.v1", "step.signed.off.v1", "step.approved.v1",
    ]  # fmt: skip
    assert events[0]["template"]["steps"][0]["key"] == "cut-power"
    [(stored,)] = bus.query(
        "SELECT count(*) FROM events WHERE ticket_id = %s AND position(%s in value) > 0", ticket, "环境潮湿".encode()
    )
    assert stored == 0  # a note is personal, and sealed
    told = await asyncio.to_thread(bus.run, "trace", ticket)
    assert "step.signed.off" in told.stdout
