"""A CRM that swallows a 500 loses tickets; reconciling names exactly those, opens them, and never guesses."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.closing import close_server
from adapters.simulators.ticket_list import ListFault, TicketList
from adapters.simulators.webhook_sender import WebhookSender
from tests.bus_under_test import Bus, eventually

SECRET = "whsec_" + "QUJD" * 12
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SINCE = ("--since", (BEGIN - timedelta(hours=1)).isoformat())
NUMBERS = [f"C-{number}" for number in range(1, 7)]
LOST = ["C-2", "C-5"]


@asynccontextmanager
async def failing() -> AsyncIterator[str]:
    """Listen as a proxy does whose gateway is away; gives the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await close_server(server)


@pytest.fixture
async def crm(bus: Bus, tmp_path: Path) -> AsyncIterator[CallbackReceiver]:
    """Run a CRM with a list, two tickets on a page, and tell the bus of it."""
    async with CallbackReceiver(SECRET) as receiver:
        receiver.tickets = TicketList(SECRET, page=2)
        options = {"secrets": ["NORTH_SECRET"], "list": {"url": receiver.list_url}}
        file = tmp_path / "sources.yaml"
        file.write_text(json.dumps({"sources": {"crm-north": {"adapter": "crm-webhook", "options": options}}}))
        bus.environment |= {"TICKETBUS_SOURCES_FILE": str(file), "NORTH_SECRET": SECRET}
        yield receiver


async def send(sender: WebhookSender, number: str) -> int:
    """Have the CRM create a ticket, and send its webhook once; gives what came back."""
    at = (BEGIN + timedelta(minutes=int(number[2:]))).isoformat()
    key = {"kind": "order", "value": f"O-{number}"}
    data = {"source_no": number, "incident_key": key, "title": "漏水", "type": "hardware_fault", "opened_at": at}
    asked = {"type": "ticket.created", "timestamp": at, "data": data}
    _, answered = await sender.answer("POST", json.dumps(asked).encode())
    return int(json.loads(answered)["answers"][0]["status"])


async def reconcile(bus: Bus, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command; gives its exit code, its lines, and what it said beside them."""
    command = ("reconcile", "crm-north", *SINCE, "--json", *arguments)
    done = await asyncio.to_thread(bus.run, *command)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


async def test_reconcile_names_the_tickets_whose_500_was_swallowed_and_opens_them(
    bus: Bus, crm: CallbackReceiver, tmp_path: Path
) -> None:
    assert crm.tickets
    bus.start("gateway")
    await bus.ready()
    async with failing() as away, WebhookSender(bus.url, SECRET, source="crm-north") as sender:
        async with WebhookSender(away, SECRET, source="crm-north") as broken:
            sender.tickets = broken.tickets = crm.tickets
            answers = [await send(broken if number in LOST else sender, number) for number in NUMBERS]
        assert answers == [500 if number in LOST else 201 for number in NUMBERS]
        crm.tickets.misbehave(ListFault.LIST_PAGE_FAILS, 1)
        crm.tickets.misbehave(ListFault.LIST_OVERLAPS)
        code, [summary, *found], _ = await reconcile(bus)
        assert (code, summary["listed"], summary["known"], summary["missing_here"]) == (1, 6, 4, 2)
        assert [(one["kind"], one["source_no"]) for one in found] == [("missing_here", number) for number in LOST]
        (verdict,) = json.loads(bus.run("trace", "C-2", "--json").stdout)["verdict"]
        assert [verdict[name] for name in ("cause", "where")] == ["never_arrived", "crm-north"]
        assert verdict["next"].startswith("ticketbus reconcile crm-north")

        crm.tickets.misbehave(ListFault.LIST_PAGE_FAILS)
        code, lines, said = await reconcile(bus)
        assert (code, lines, "nothing was judged" in said) == (1, [], True)
        crm.tickets.behave()

        listed = tmp_path / "list.json"
        listed.write_text(json.dumps(list(crm.tickets.tickets.values())))
        code, [summary, *found], _ = await reconcile(bus, "--file", str(listed))
        assert [one["source_no"] for one in found] == LOST

        code, [summary, *found], _ = await reconcile(bus, "--ingest")
        assert (code, summary["opened"]) == (0, 2)
        opened = {one["source_no"]: one["ticket_id"] for one in found}
        code, [summary], _ = await reconcile(bus, "--ingest")
        assert (code, summary["known"], summary["opened"]) == (0, 6, 0)
        assert await send(sender, "C-5") == 200, "a late webhook joins"
    [(at, creator)] = bus.query(
        "SELECT state->>'opened_at', state->>'creator' FROM ticket_states WHERE ticket_id = %s", opened["C-2"]
    )
    assert (datetime.fromisoformat(at), creator) == (BEGIN + timedelta(minutes=2), "reconcile:crm-north")
    assert bus.query("SELECT DISTINCT settled FROM missing_tickets") == [("opened",)]
    wrong = bus.run("reconcile", "crm-nort", *SINCE)
    assert (wrong.returncode, "crm-north" in wrong.stderr) == (2, True)


async def test_reconcile_runs_by_itself_and_alerts_at_the_first_miss(bus: Bus, crm: CallbackReceiver) -> None:
    assert crm.tickets
    at = BEGIN.isoformat()
    crm.tickets.keep({"source_no": "C-9", "opened_at": at, "title": "漏水", "type": "hardware_fault"}, at)
    bus.start("worker")

    async def missing() -> list[tuple[Any, ...]]:
        return bus.query("SELECT source, source_no FROM missing_tickets WHERE settled_at IS NULL")

    assert await eventually(missing, what=lambda: bus.last_words("worker")) == [("crm-north", "C-9")]

    async def waits() -> list[tuple[Any, ...]]:
        return bus.query("SELECT about FROM alerts WHERE rule = 'ticket_missing'")

    assert await eventually(waits, what=lambda: bus.last_words("worker")) == [("crm-north",)]
    assert bus.stop("worker") == 0
