"""Systems that speak Kafka: malformed records on `ticket.commands` are kept, and the next one is handled in time."""

import json
import struct
from typing import Any
from uuid import uuid4

from bus.domain.commands import Note, OpenTicket
from bus.domain.terms import KeyKind
from bus.domain.values import IncidentKey
from bus.intake.command_ids import command_id
from bus.intake.dispatch import utc_now
from bus.kafka.clients import start_producer
from bus.schema_registry import registry_of
from bus.wire.codec import Codec, RegisteredSchema
from schemas.catalogue import BY_CLASS
from schemas.messages import CommandSent, HostRead
from schemas.topics import COMMANDS, physical
from tests.bus_under_test import Bus, eventually

HOST = HostRead(host="h", read_at=utc_now(), path="/", disk_total_bytes=1.0, disk_free_bytes=1.0, memory_free_bytes=1.0)
KEPT = "SELECT code, body FROM refused_inputs WHERE origin = 'commands' AND source = %s ORDER BY id"


def opened(number: str, key: str) -> CommandSent:
    command = OpenTicket(
        incident_key=IncidentKey(kind=KeyKind.SERIAL, value=f"SN{number}"),
        title="冰箱不制冷", type="hardware_fault", source_no=number,
    )  # fmt: skip
    return CommandSent(idempotency_key=key, source="mes", actor="李工", command=command)


def noted(number: str, key: str, text: str) -> CommandSent:
    command = Note(text=text)
    return CommandSent(idempotency_key=key, source="mes", actor="李工", ticket_source_no=number, command=command)


async def put(bus: Bus, number: str, *values: bytes | None) -> None:
    """Put records on the topic, in order."""
    producer = await start_producer(bus.settings)
    try:
        for value in values:
            await producer.send_and_wait(physical(bus.settings.namespace, COMMANDS), value, key=number.encode())
    finally:
        await producer.stop()


async def took_effect(bus: Bus, key: str) -> None:
    async def there() -> bool:
        return bool(bus.query("SELECT 1 FROM events WHERE command_id = %s", command_id("mes", key)))

    await eventually(there, what=lambda: bus.log_of("worker")[-2000:])


async def test_commands_topic_broken_records_on_the_topic_are_kept_and_the_next_one_is_handled_in_time(
    running: Bus,
) -> None:
    bus, own, number = running, uuid4().hex, f"S-{uuid4().hex[:8]}"
    async with bus.core() as core:
        good = core.codec.encode_record(opened(number, own))
        nul = core.codec.encode_record(noted(number, f"{own}0", "\0"))
        host = core.codec.encode_record(HOST)
        note = core.codec.encode_record(noted(number, f"{own}n", "等待备件"))
    broken = [b"junk", b"", struct.pack(">bI", 0, 4_000_000), good[:-1], good + b"x", host, nul]
    await put(bus, number, good, *broken, None, note)
    await took_effect(bus, f"{own}n")

    async def all_kept() -> list[tuple[Any, ...]]:
        rows = bus.query(KEPT, number)
        return rows if len(rows) > len(broken) else []

    kept = await eventually(all_kept, what=lambda: f"{bus.query(KEPT, number)} {bus.log_of('worker')[-2000:]}")
    assert await bus.opened_inputs(*(body for _, body in kept)) == [*broken, b""]
    assert {code for code, _ in kept} == {"malformed_record", "nul", "empty_record"}
    assert bus.query("SELECT count(*) FROM stage_offsets WHERE failure IS NOT NULL") == [(0,)]


async def test_command_under_a_newer_schema_is_read_once_the_registry_was_asked(running: Bus) -> None:
    bus, number, key = running, f"S-{uuid4().hex[:8]}", uuid4().hex
    newer = json.loads(json.dumps(BY_CLASS[Note].schema))
    newer["fields"].append({"name": "mood", "type": "string", "default": ""})
    url, registry = "/subjects/ticketbus.command.Note/versions", registry_of(bus.settings)
    assert registry is not None
    async with registry.client() as http:
        answer = await http.post(url, json={"schema": json.dumps(newer)})
        (await http.delete(f"{url}/latest")).raise_for_status()  # its id stays; other tests look at the latest
    assert answer.status_code == 200, answer.text
    async with bus.core() as core:
        first = core.codec.encode_record(opened(number, f"{key}o"))
    schema_id = answer.json()["id"]
    known = Codec({1: RegisteredSchema(1, "ticketbus.command.Note", BY_CLASS[Note].schema)})
    note = known.encode_record(noted(number, key, "新版客户端"))
    await put(bus, number, first, struct.pack(">bI", 0, schema_id) + note[5:] + b"\x0ccheery")
    await took_effect(bus, key)
