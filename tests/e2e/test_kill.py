"""A smoke version of the crash test: kill -9 in the middle of an import loses nothing and repeats nothing (R35)."""

import asyncio
import gzip
import signal
from pathlib import Path
from uuid import uuid4

import httpx2

from tests.bus_under_test import Bus, eventually

SAMPLE = Path(__file__).parents[1] / "data" / "uci_sample.csv.gz"
MAP = Path(__file__).parents[2] / "adapters" / "history" / "uci_incident_log.yaml"
KEYS = 120


async def _open_until_taken(bus: Bus, key: str) -> str:
    """Open a ticket as a patient client does: the same idempotency key until a 2xx."""
    body = {"incident_key": {"kind": "order", "value": key}, "title": "冰箱不制冷", "type": "hardware_fault"}

    async def taken() -> str:
        try:
            async with bus.client() as http:
                answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return ""
        if answer.status_code in {200, 201}:
            return str(answer.json()["ticket_id"])
        assert answer.status_code in {202, 409, 503}, answer.text
        return ""

    return await eventually(taken, what=f"an answer for {key}")


async def test_kill_nine_of_worker_and_gateway_during_an_import(bus: Bus) -> None:
    bus.start("gateway")
    bus.start("worker")
    await bus.ready()
    importing = asyncio.create_task(
        asyncio.to_thread(bus.run, "import", "history", "--map", str(MAP), str(SAMPLE), timeout_s=300)
    )

    async def some_events() -> bool:
        return bus.query("SELECT count(*) > 300 FROM events") == [(True,)]

    await eventually(some_events, what="the import under way")
    keys = [uuid4().hex for _ in range(KEYS)]
    opening = [asyncio.create_task(_open_until_taken(bus, key)) for key in keys]
    await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
    for program in ("worker", "gateway"):
        bus.stop(program, signal.SIGKILL)
    for program in ("worker", "gateway"):
        bus.start(program)
    tickets = await asyncio.gather(*opening)
    done = await importing
    assert done.returncode == 0, done.stderr
    assert len(set(tickets)) == KEYS

    async def quiet() -> bool:
        waiting = bus.query("SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]
        behind = bus.query(
            """SELECT coalesce(bool_or(s.next_offset < o.top), true) FROM stage_offsets s JOIN (
                   SELECT shard, max(kafka_offset) + 1 AS top FROM outbox WHERE topic = 'ticket.events' GROUP BY shard
               ) o ON o.shard = s.partition WHERE s.topic LIKE '%%ticket.events'"""
        )[0][0]
        return waiting == 0 and not behind

    await eventually(quiet, what=lambda: f"quiet: {bus.log_of('worker')[-1500:]}")
    assert bus.query(
        "SELECT count(*), count(DISTINCT ticket_id) FROM events WHERE ce_type = 'ticket.opened.v1' AND NOT historic"
    ) == [(KEYS, KEYS)]
    with gzip.open(SAMPLE, "rt") as rows:
        incidents = len({line.split(",", 1)[0] for line in rows}) - 1
    assert bus.query("SELECT count(*) FROM events WHERE ce_type = 'ticket.opened.v1' AND historic") == [(incidents,)]
    for arguments in (("log", "verify"), ("projection", "verify")):
        checked = await asyncio.to_thread(bus.run, *arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr
