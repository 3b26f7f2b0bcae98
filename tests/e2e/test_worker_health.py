"""A worker says of itself whether it lives and works, on the port of its metrics."""

import asyncio
import json
import socket
from typing import Any

import httpx2

from bus.kafka.clients import start_producer
from bus.local.stopped_stages import stopped_stages
from bus.stage_names import STAGES
from schemas.topics import COMMANDS, physical
from tests.audit.keys import made_up_key, pem_of
from tests.bus_under_test import Bus, eventually


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def junk(bus: Bus, count: int) -> None:
    producer = await start_producer(bus.settings)
    for _ in range(count):
        await producer.send(physical(bus.settings.namespace, COMMANDS), b"junk", partition=0)
    await producer.stop()


async def test_worker_health_says_which_stage_stands_still_and_why(bus: Bus) -> None:
    port = bus.environment["TICKETBUS_METRICS_PORT"] = str(free_port())
    bus.environment["TICKETBUS_AUDIT_KEY"] = pem_of(made_up_key())
    bus.start("worker")
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:

        async def asked(path: str, status: int) -> dict[str, Any]:
            try:
                answer = await http.get(path)
            except httpx2.TransportError:
                return {}
            return dict(answer.json()) if answer.status_code == status else {}

        ready = await eventually(lambda: asked("/readyz", 200), what=lambda: bus.last_words("worker"))
        tasks = {
            "relay",
            "redrives",
            "retention",
            "targets",
            "declarations",
            "topics",
            "disks",
            "reconciliations",
            "target reconciliations",
            "expectations",
            "probes",
            "backups",
            "calendars",
            "dwell",
            "mornings",
            "insight",
            "alert reports",
            "closure",
            "offers",
            "steps",
        }
        alerting = {"alert rounds", "alert channels", "heartbeat"}
        watches = {"registry", "certificates", "deadlines", "rollouts", "audit", "source maps", "pulled sources"}
        assert set(ready) == {"ready", "postgres", "outbox", "kafka", *tasks, *watches, *alerting, *STAGES}

        async def judged() -> bool:
            return (
                'ticketbus_insight_judgement{judgement="too few",metric="chase"} 1.0'
                in (await http.get("/metrics")).text
            )

        await eventually(judged, what=lambda: bus.last_words("worker"))
        await junk(bus, 100)  # the limit of letters in a row
        letters = "SELECT 1 FROM refused_inputs HAVING sum(times) >= 100"
        await eventually(lambda: asyncio.to_thread(bus.query, letters), what=lambda: bus.last_words("worker"))
        await junk(bus, 1)
        waits = await eventually(lambda: asked("/readyz", 503), what=lambda: bus.last_words("worker"))
        assert (waits["ready"], waits["intake"]) == (False, "up")
        assert "commands/0 stopped at offset 100" in waits["commands"]
        assert await asked("/livez", 200) == {"live": True}
        assert "ticketbus_stage_stopped" in (await http.get("/metrics")).text
    [one] = stopped_stages(bus.database_url)
    assert (one.stage, one.partitions, one.why.startswith("offset 100: ")) == ("commands", (0,), True)
    listed = bus.run("projection", "list")
    assert (listed.returncode, "stopped" in listed.stdout, listed.stderr) == (1, True, "")
    bus.stop("worker")
    bus.query("UPDATE programs SET beat_at = beat_at - interval '1 minute' RETURNING 1")
    listed = bus.run("projection", "list", "--json")
    assert (listed.returncode, "no worker runs" in listed.stderr) == (1, True)
    assert not any(json.loads(line)["served"] for line in listed.stdout.splitlines())
    consumers = bus.run("consumers", "list")
    assert "ticketbus.commands" in consumers.stdout


async def test_worker_health_waits_for_a_database_that_is_away_and_says_so(bus: Bus) -> None:
    port = bus.environment["TICKETBUS_METRICS_PORT"] = str(free_port())
    bus.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    bus.start("worker")
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:

        async def waits() -> dict[str, Any]:
            try:
                answer = await http.get("/readyz")
            except httpx2.TransportError:
                return {}
            return dict(answer.json()) if answer.status_code == 503 else {}

        assert await eventually(waits) == {"ready": False, "postgres": "not reached yet"}
    taken = bus.run("worker")
    assert (taken.returncode, "TICKETBUS_METRICS_PORT" in taken.stderr) == (1, True)
    assert bus.stop("worker") == 0
