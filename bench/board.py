"""What the dispatcher's board takes with 5,000 open tickets and 200 engineers: a page, its API call, live news."""

import asyncio
from collections.abc import Mapping
from statistics import median
from time import monotonic
from typing import Final

import httpx2
import psutil
import psycopg

from bench import console
from bench.bus import TOKEN, Bus
from bench.console import signed_in, took
from bench.figure import Figure

TICKETS: Final = 5_000
ENGINEERS: Final = 200
CLOSED: Final = 50_000
LOOKS: Final = 10
_OPENING: Final = {"title": "冰箱不制冷", "type": "hardware_fault", "region": "华东", "description": "x" * 200}
_PERSON: Final = {"role": "engineer", "person": "王师傅", "contact": "13800000001", "backup_person": "李工",
                  "backup_contact": "13800000002"}  # fmt: skip
_PEOPLE: Final = b"""
INSERT INTO people (person, profile, changed_at, changed_by)
SELECT 'P' || n, jsonb_build_object('person', 'P' || n, 'role', 'engineer',
    'regions', jsonb_build_array('R' || n %% 10),
    'skills', '[{"name": "compressor", "level": 3}]'::jsonb, 'shift', 'office', 'capacity', 40, 'contact', 'sealed',
    'backup', 'P1'), now(), 'bench' FROM generate_series(1, %(engineers)s) n"""
# Of one ticket that is assigned: open ones of each state, regions and handlers, and closed ones of earlier days.
_COPIES: Final = b"""
INSERT INTO ticket_states (ticket_id, version, trace_id, state)
SELECT id, version, md5(id), state || jsonb_build_object('ticket_id', id, 'trace_id', md5(id), 'state', stands,
    'region', 'R' || n %% 10, 'state_since', to_char(now() AT TIME ZONE 'UTC' - n %% 400 * interval '1 minute',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'closed_at', CASE WHEN stands = 'closed' THEN '2026-01-01T00:00:00Z' END,
    'assignee', state -> 'assignee' || jsonb_build_object('person', 'P' || n %% %(engineers)s + 1))
FROM ticket_states CROSS JOIN LATERAL (
    SELECT n, 'T20261001-' || lpad(n::text, 6, '0') AS id, CASE WHEN n > %(tickets)s THEN 'closed'
        ELSE (ARRAY['pending', 'assigned', 'in_progress', 'resolved'])[n %% 4 + 1] END AS stands
    FROM generate_series(1, %(tickets)s + %(closed)s) n) made"""


async def run(bus: Bus) -> list[Figure]:
    """Fill the board, then look at it whole, by each filter, and while a ticket changes."""
    bus.start("gateway")
    await bus.ready()
    async with bus.client() as http:
        opened = {**_OPENING, "incident_key": {"kind": "serial", "value": "SN-1"}}
        made = await http.post("/v1/tickets", json=opened, headers={"Idempotency-Key": "one"})
        ticket = made.json()["ticket_id"]
        await _post(http, f"/v1/tickets/{ticket}/assign", {"assignee": _PERSON, "reason": "就近"}, "two")
        with psycopg.connect(bus.database_url, autocommit=True) as connection:
            sizes = {"tickets": TICKETS, "engineers": ENGINEERS, "closed": CLOSED}
            await asyncio.to_thread(connection.execute, _PEOPLE, sizes)
            await asyncio.to_thread(connection.execute, _COPIES, sizes)
            await asyncio.to_thread(connection.execute, b"VACUUM ANALYZE ticket_states")
        browser = await signed_in(bus, TOKEN)
        gateway = psutil.Process(bus.processes["gateway"].pid)
        before = sum(gateway.cpu_times()[:2])
        page = await took(browser, "/console/board")
        cpu = (sum(gateway.cpu_times()[:2]) - before) * 1000 / console.LOOKS
        call = await took(http, "/v1/board")
        filtered = [await took(http, f"/v1/board?{one}") for one in ("region=R3", "type=hardware_fault", "person=P7")]
        live = [await _news_of(browser, http, ticket, n) for n in range(LOOKS)]
        await browser.aclose()
    sizes_named = f"{TICKETS:,} open tickets, {ENGINEERS} engineers, {CLOSED:,} closed"
    return [
        Figure(
            name="the dispatcher's board",
            value=page,
            unit="ms",
            against=f"the API call that it makes: {call:.1f} ms",
            ratio=page / call,
            goal="≤ 300",
            note=f"{sizes_named}; the gateway's own CPU: {cpu:.0f} ms",
        ),
        Figure(name="the board by a filter", value=max(filtered), unit="ms", goal="≤ 300", note="the slowest of three"),
        Figure(name="a change seen on the board", value=median(live), unit="ms", goal="≤ 1,000",
               note=f"the longest of {LOOKS}: {max(live):,.0f} ms"),
    ]  # fmt: skip


async def _news_of(browser: httpx2.AsyncClient, http: httpx2.AsyncClient, ticket: str, number: int) -> float:
    """Give the milliseconds from the answer to a change until the open page shows it."""
    asked, seen = f"B{number}", asyncio.Event()
    first = asyncio.Event()

    async def watch() -> None:
        where = {"page": f"/console/board?person={asked}"}
        async with browser.stream("GET", "/console/live", params=where, timeout=None) as answer:
            async for line in answer.aiter_lines():
                first.set()
                if ticket in line:
                    seen.set()
                    return

    watching = asyncio.create_task(watch())
    try:
        await asyncio.wait_for(first.wait(), 60)
        body = {"assignee": {**_PERSON, "person": asked}, "reason": "改派"}
        await _post(http, f"/v1/tickets/{ticket}/assign", body, f"assign-{number}")
        began = monotonic()
        await asyncio.wait_for(seen.wait(), 60)
        return (monotonic() - began) * 1000
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _post(http: httpx2.AsyncClient, path: str, body: Mapping[str, object], key: str) -> None:
    answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 200, answer.text
