"""One incident that comes through three doors, its landline spelled in three ways, is one ticket."""

import json
from datetime import timedelta
from pathlib import Path
from secrets import randbelow
from uuid import uuid4

import orjson

from adapters.webhook_signature import secret, sign
from bus.domain.commands import OpenTicket
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from bus.intake.dispatch import utc_now
from bus.kafka.clients import start_producer
from schemas.messages import CommandSent
from schemas.topics import COMMANDS, physical
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually

MAP = """
source: one-incident-desk
ticket_type: hardware_fault
row: ticket
time: {format: "%Y-%m-%dT%H:%M:%S%z"}
missing: "-"
columns: {number: id, state: status, opened_at: created}
incident_key: {kind: phone, column: phone}
title: subject
states: {Open: new}
waived: {}
"""
REPORTS = """
SELECT kind, value FROM ticket_names WHERE ticket_id = %s AND kind LIKE 'source:%%' ORDER BY kind"""


async def test_one_incident_through_webhook_commands_topic_and_import_is_one_ticket(
    running: Bus, tmp_path: Path
) -> None:
    bus, now, local = running, utc_now(), f"6217{randbelow(10_000):04}"
    own = uuid4().hex[:8]
    key = {"kind": "phone", "value": f"021-{local}"}
    data = {"source_no": f"C-{own}", "incident_key": key, "title": "冰箱不制冷", "type": "hardware_fault"}
    body = orjson.dumps({"type": "ticket.created", "timestamp": now.isoformat(), "data": data})
    headers = sign(secret(WEBHOOK_SECRET), f"d-{own}", now, body)
    async with bus.client() as http:
        answer = await http.post("/v1/sources/crm/webhook", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    (result,) = answer.json()["results"]
    ticket_id = result["ticket_id"]

    opening = OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.PHONE, value=f"+86 (21) {local}"),
        title="不制冷",
        type="hardware_fault",
        source_no=f"M-{own}",
    )
    sent = CommandSent(idempotency_key=own, source="mes", actor="李工", command=opening)
    async with bus.core() as core:
        record = core.codec.encode_record(sent)
    producer = await start_producer(bus.settings)
    try:
        await producer.send_and_wait(physical(bus.settings.namespace, COMMANDS), record, key=own.encode())
    finally:
        await producer.stop()

    mapped, file = tmp_path / "map.yaml", tmp_path / "export.csv"
    mapped.write_text(MAP)
    created = (now - timedelta(minutes=1)).isoformat(timespec="seconds")
    file.write_text(f"id,subject,status,phone,created\nI-{own},异响,Open,0086 21 {local[:4]} {local[4:]},{created}\n")
    done = bus.run("import", "history", "--map", str(mapped), "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["joined"] == 1

    async def joined() -> bool:
        return len(bus.query(REPORTS, ticket_id)) == 3

    await eventually(joined, what=lambda: f"{bus.query(REPORTS, ticket_id)} {bus.log_of('worker')[-2000:]}")
    assert bus.query(REPORTS, ticket_id) == [
        ("source:crm", f"C-{own}"),
        ("source:mes", f"M-{own}"),
        ("source:one-incident-desk", f"I-{own}"),
    ]
