"""The dead-letter room by the real programs: input mended and sent again, all of it told, a redrive that is killed."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.crm import Crm
from bus.intake.command_ids import command_id
from bus.kafka.clients import start_producer
from bus.wire.sealing import is_sealed
from schemas.messages import LetterDecided, LetterPosted
from schemas.topics import DEADLETTER, LOG, physical
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.e2e.test_commands_topic import noted, opened, put, took_effect
from tests.store.kafka_log import records

DECIDED = ("--by", "张工", "--why", "字段映射已改")
OPENING = {"title": "洗衣机漏水", "type": "hardware_fault"}


async def letter_of(bus: Bus, origin: str, wanted: str = "true") -> tuple[int, bytes, dict[str, str], str, str]:
    """Wait for the open letter of an origin, and read it, its input in clear."""
    query = (
        f"SELECT id, value, headers, trace_id, reason FROM letters WHERE state = 'open' AND origin = %s AND {wanted}"  # noqa: S608 - a test's own words
    )

    async def there() -> list[tuple[Any, ...]]:
        return bus.query(query, origin)

    (found,) = await eventually(there, what=lambda: f"a letter of {origin}: {bus.log_of('worker')[-2000:]}")
    number, value, headers, trace_id, reason = found
    (value,) = await bus.opened_inputs(value)
    return number, value, headers, trace_id, reason


async def told(bus: Bus, number: int, *wanted: str) -> list[LetterPosted | LetterDecided]:
    """Wait until Kafka was told of a letter and of what was decided about it."""
    async with bus.core() as core:

        async def all_of_it() -> list[LetterPosted | LetterDecided] | None:
            read = [core.codec.decode_record(one.value) for one in await records(bus.settings, DEADLETTER)]
            own = [one for one in read if one.letter == number]
            kinds = [one.decision if isinstance(one, LetterDecided) else "posted" for one in own]
            return own if kinds == list(wanted) else None

        found = await eventually(all_of_it, what=lambda: bus.log_of("worker")[-2000:])
    assert found is not None
    return found


async def ran(bus: Bus, *arguments: str) -> str:
    """Run a command of the room that goes well."""
    done = await asyncio.to_thread(bus.run, "deadletter", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_deadletter_a_webhook_that_nobody_could_read_is_mended_and_opens_its_ticket(
    running: Bus, tmp_path: Path
) -> None:
    bus, serial, number = running, f"SN-{uuid4().hex[:8]}", f"C-{uuid4().hex[:8]}"
    key = {"kind": "serial", "value": serial}
    async with Crm(bus.url, WEBHOOK_SECRET) as crm:
        message = crm.message("ticket.created", number, incident_key=key, titel="洗衣机漏水", type="hardware_fault")
        answers = [await crm.send(message) for _ in range(2)]
    assert {(one.status, one.answer["code"]) for one in answers} == {(400, "missing")}
    letter, value, headers, trace_id, reason = await letter_of(
        bus, "webhook:crm", f"origin_ref = '{message.delivery_id}'"
    )
    assert (value, headers["webhook-id"], reason) == (message.body, message.delivery_id, "missing")
    (posted,) = await told(bus, letter, "posted")
    assert isinstance(posted, LetterPosted)
    assert (await bus.opened_inputs(posted.value), posted.trace_id) == ([message.body], trace_id)
    assert is_sealed(posted.value)
    mended = tmp_path / "mended.json"
    mended.write_bytes(message.body.replace(b"titel", b"title"))
    copy = (await ran(bus, "edit", str(letter), str(mended), *DECIDED)).split()[-1]
    assert bus.query("SELECT 1 FROM ticket_states WHERE trace_id = %s", trace_id) == []
    await ran(bus, "retry", copy, *DECIDED)

    async def there() -> list[tuple[Any, ...]]:
        return bus.query("SELECT count(*) FROM events WHERE trace_id = %s AND ce_type = 'ticket.opened.v1'", trace_id)

    async def opened_once() -> bool:
        return await there() == [(1,)]

    await eventually(opened_once, what=lambda: bus.log_of("worker")[-2000:])
    await told(bus, letter, "posted", "edited")
    await told(bus, int(copy), "posted", "retried")
    again = await asyncio.to_thread(bus.run, "deadletter", "retry", copy, *DECIDED)
    assert (again.returncode, copy in again.stderr) == (1, True)
    assert await there() == [(1,)]


async def test_deadletter_a_command_on_kafka_goes_back_and_takes_effect_once_it_may(running: Bus) -> None:
    bus, number, key = running, f"S-{uuid4().hex[:8]}", uuid4().hex
    async with bus.core() as core:
        early = core.codec.encode_record(noted(number, key, "等待备件"))
        opening = core.codec.encode_record(opened(number, f"{key}o"))
    await put(bus, number, early)
    own = f"origin_ref = '{command_id('mes', key)}'"
    letter, value, _, _, reason = await letter_of(bus, "commands", own)
    assert (value, reason) == (early, "no_such_ticket")
    await ran(bus, "retry", str(letter), *DECIDED)
    second, *_ = await letter_of(bus, "commands", f"{own} AND id > {letter}")
    await put(bus, number, opening)
    await took_effect(bus, f"{key}o")
    await ran(bus, "retry", str(second), *DECIDED)
    await took_effect(bus, key)
    await told(bus, second, "posted", "retried")


async def put_junk(bus: Bus) -> None:
    """Put bytes on the log that are no event."""
    producer = await start_producer(bus.settings)
    await producer.send_and_wait(physical(bus.settings.namespace, LOG), b"junk", headers=[("who", b"a stranger")])
    await producer.stop()


async def ran_rebuild(bus: Bus) -> None:
    """Rebuild a read model: without a worker it is the first to read a record."""
    done = await asyncio.to_thread(bus.run, "projection", "rebuild", "tickets")
    assert done.returncode == 0, done.stderr


async def test_deadletter_foreign_bytes_on_the_log_are_a_letter_that_cannot_go_back(bus: Bus) -> None:
    bus.start("worker")
    await put_junk(bus)
    letter, value, headers, _, _ = await letter_of(bus, "log")
    assert (value, headers["who"]) == (b"junk", "a stranger")
    told_why = await asyncio.to_thread(bus.run, "deadletter", "retry", str(letter), *DECIDED)
    assert (told_why.returncode, "cannot be sent again" in told_why.stderr) == (1, True)
    await ran(bus, "discard", str(letter), *DECIDED)
    await told(bus, letter, "posted", "discarded")
    assert bus.query("SELECT count(*) FROM letters") == [(1,)], "whoever reads it"
    assert bus.stop("worker") == 0
    await ran_rebuild(bus)
    assert bus.query("SELECT count(*) FROM letters") == [(1,)], "a discarded one is no news"
    await put_junk(bus)
    await ran_rebuild(bus)
    assert bus.query("SELECT count(*), count(*) FILTER (WHERE state = 'open') FROM letters") == [(2, 1)]


async def test_deadletter_a_redrive_whose_worker_is_killed_is_carried_on_by_another(bus: Bus, tmp_path: Path) -> None:
    async with CallbackReceiver(WEBHOOK_SECRET) as crm:
        options = {"url": crm.url, "secrets": ["CRM_SECRET"]}
        target = {"adapter": "crm-callback", "events": ["TicketOpened"], "options": options}
        file = tmp_path / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": {"crm": target}}))
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}
        crm.misbehave(CallbackFault.REFUSE)
        bus.start("gateway")
        bus.start("worker")
        await bus.ready()
        count = 20
        async with bus.client() as http:
            for number in range(count):
                body = {**OPENING, "incident_key": {"kind": "order", "value": f"O-{number}"}}
                assert (
                    await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": uuid4().hex})
                ).status_code == 201

        async def parked() -> bool:
            return bus.query("SELECT count(*) FROM letters WHERE state = 'open'") == [(count,)]

        await eventually(parked, what=lambda: bus.log_of("worker")[-2000:])
        crm.behave()
        terms = ("--canary", "2", "--watch", "0", "--rate", "5", "--json")
        redrive = json.loads(await ran(bus, "redrive", "freeze", "--target", "crm", *terms, *DECIDED))["id"]
        bus.start_process("run", "bus", "deadletter", "redrive", "run", str(redrive))

        async def begun() -> bool:
            return len(crm.ledger.effects) >= 5

        await eventually(begun, what=lambda: bus.log_of("worker")[-2000:])
        bus.stop("worker", signal.SIGKILL)
        assert len(crm.ledger.effects) < count, "it was in the middle"
        bus.query(
            "UPDATE delivery_heads SET next_at = now() - interval '1 s' WHERE NOT parked RETURNING 1"
        )  # the lease
        await asyncio.to_thread(bus.end_sessions)
        bus.start_process("other", "bus", "worker")

        async def over() -> bool:
            return bus.query("SELECT state FROM redrives") == [("done",)]

        await eventually(over, what=lambda: bus.log_of("other")[-2000:])
        assert bus.processes.pop("run").wait(10) == 0
        assert (len(crm.ledger.effects), crm.ledger.repeated()) == (count, [])
        decisions = "SELECT decision, count(*), count(DISTINCT letter) FROM letter_decisions GROUP BY 1 ORDER BY 1"
        assert bus.query(decisions) == [("frozen", count, count), ("retried", count, count)]
        assert bus.stop("other") == 0
