"""One store away: intake goes on, and every accepted request has exactly one effect once the store is back (R4)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from adapters.simulators.crm import Crm
from bus.alerts.rule_names import RuleName
from bus.postgres.pool import open_pool
from tests.alerts.test_more_state_rules import fired
from tests.bus_under_test import TOKEN, WEBHOOK_SECRET, Bus, eventually
from tests.proxy import Proxy, proxy_to

NOWHERE = "127.0.0.1:9"  # the discard port: nobody listens


def through(bus: Bus, proxy: Proxy, **changes: str) -> Bus:
    """Give the same bus with its database behind the proxy."""
    parts = urlsplit(bus.environment["DATABASE_URL"])
    user = parts.netloc.rsplit("@", 1)[0]
    url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}"))
    return replace(bus, environment={**bus.environment, "DATABASE_URL": url, **changes}, processes=bus.processes)


async def _proxy(bus: Bus) -> Any:
    parts = urlsplit(bus.environment["DATABASE_URL"])
    return proxy_to(parts.hostname or "", parts.port or 0)


def opening(key: str) -> dict[str, Any]:
    return {"incident_key": {"kind": "order", "value": key}, "title": "洗衣机漏水", "type": "hardware_fault"}


async def test_stores_away_with_postgres_away_webhooks_wait_on_kafka_and_are_dispatched_once(bus: Bus) -> None:
    async with await _proxy(bus) as proxy:
        behind = through(bus, proxy)
        behind.start("gateway")
        bus.start("worker")
        await bus.ready()
        async with Crm(bus.url, WEBHOOK_SECRET) as crm, bus.client() as http:
            first = await crm.tell("ticket.created", "C-0", **opening("O-0"))
            assert first.status == 201
            await proxy.cut()
            message = crm.message("ticket.created", "C-1", **opening("O-1"))
            taken = [(await crm.send(message)).status for _ in range(2)]
            assert taken == [202, 202]
            spooled = await http.post("/v1/tickets", json=opening("O-2"), headers={"Idempotency-Key": "k-2"})
            assert spooled.status_code == 202, spooled.text
            told_now = await http.post(
                f"/v1/tickets/{first.result['ticket_id']}/note", json={"text": "x"}, headers={"Idempotency-Key": "k-3"}
            )
            assert (told_now.status_code, "retry-after" in told_now.headers) == (503, True)
            await proxy.mend()

            async def opened() -> bool:
                return bus.query("SELECT count(*) FROM events") == [(3,)]

            await eventually(opened, what=lambda: f"three tickets: {bus.log_of('worker')[-1500:]}")

            async def live_again() -> bool:
                again = await crm.send(message)
                return again.status == 201 and again.result["answer"] == "opened"

            await eventually(live_again, what="the same delivery answered as before, live")
        assert bus.query("SELECT count(*) FROM events") == [(3,)]


async def test_stores_away_with_kafka_away_the_outbox_waits(bus: Bus) -> None:
    alone = replace(bus, environment={**bus.environment, "KAFKA_BOOTSTRAP": NOWHERE}, processes=bus.processes)
    alone.start("gateway")
    await bus.ready()
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=opening("O-1"), headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201
    assert bus.query("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(2,)]
    later = timedelta(seconds=30)
    async with open_pool(bus.database_url, size=1) as pool:
        assert [one.about for one in await fired(pool, RuleName.RELAY_STUCK, later)] == ["outbox"]
    bus.start("worker")

    async def published() -> bool:
        return bus.query("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]

    await eventually(published, what=lambda: f"published: {bus.log_of('worker')[-1500:]}")
    async with open_pool(bus.database_url, size=1) as pool:
        assert await fired(pool, RuleName.RELAY_STUCK, later) == []


async def test_stores_away_with_both_away_nobody_is_told_that_it_was_taken(bus: Bus) -> None:
    async with await _proxy(bus) as proxy:
        alone = through(bus, proxy, KAFKA_BOOTSTRAP=NOWHERE)
        alone.start("gateway")
        await bus.ready()
        async with bus.client(TOKEN) as http:
            known = await http.get("/v1/topics")
            assert known.status_code == 200
            await proxy.cut()
            answer = await http.post("/v1/tickets", json=opening("O-1"), headers={"Idempotency-Key": uuid4().hex})
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            assert answer.json()["detail"]

            async def unready() -> bool:
                return (await http.get("/readyz")).status_code == 503

            await eventually(unready, what="readyz says no")
    assert bus.query("SELECT count(*) FROM events") == [(0,)]
