"""Figures of tickets that lived in PostgreSQL, by the commands that people type (R3, R28, R29, R31, R32)."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from bus.app import Core
from bus.domain.batch import Accepted
from bus.domain.commands import Arrive, AskProgress, Command, OpenTicket
from bus.domain.terms import SANDBOX, KeyKind, TicketId
from bus.domain.values import Customer, IncidentKey
from bus.insight.registry import METRICS
from bus.intake.dispatch import utc_now
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.programs.insight_watch import round_of
from bus.wire.event_reader import EventReader
from projections.read_model import ReadModel
from projections.store import ProjectionHandler
from projections.ticket_closures import CLOSURES
from projections.ticket_outcomes import OUTCOMES
from tests.bus_under_test import Bus, bus_on
from tests.domain.given import request
from tests.domain.people import ASSIGN, CLOSED, OPEN, RESOLVED
from tests.projections.told import CODEC, records

ASK = AskProgress(asked_by="陈女士", text="什么时候来?")
_MODELS: Sequence[ReadModel[Any, Any]] = (OUTCOMES, CLOSURES)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LETTER = """
INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause, detail,
    attempts, failures, headers, value, died_at, began_at, state)
VALUES (%s, %s, %s, %s, 1, '', '', 'x', 'x', 'x', '', 1, '[]', '[]', '', now(), now(), 'discarded')"""
MISSED = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state)
VALUES (%s, 1, 'new_ticket_listed', 'projected', 'tickets', '{}', now(), %s)"""


class Lives:
    """Lets tickets live, and keeps their outcomes as a worker would."""

    def __init__(self, core: Core) -> None:
        self.core, self.numbers, self.tickets = core, count(1), list[TicketId]()

    async def lived(self, *commands: Command, at: datetime, **own: Any) -> TicketId:
        """Ask for commands one after the other; gives the ticket."""
        ticket_id = None
        for command in commands:
            asked = request(command, next(self.numbers), at=at, ticket_id=ticket_id, **own)
            [outcome] = await self.core.dispatcher.dispatch([asked])
            assert isinstance(outcome, Accepted), outcome
            ticket_id = outcome.ticket_id
        assert ticket_id
        if ticket_id not in self.tickets:
            self.tickets.append(ticket_id)
        return ticket_id

    async def failed(self, ticket_id: TicketId, expected: Mapping[TicketId, str]) -> None:
        """Park a letter of a ticket, one of none and one of a virtual ticket; and end what was expected."""
        async with connected(self.core.pool) as connection:
            await connection.execute(LETTER, ("delivery:erp", "1", "erp", ticket_id))
            await connection.execute(LETTER, ("webhook:crm", "2", "", ""))
            await connection.execute(LETTER, ("delivery:erp", "3", "erp", "V20261130-000099"))
            for name, state in expected.items():
                await connection.execute(MISSED, (name, state))

    async def keep(self) -> None:
        """Fold what was recorded."""
        log = [event for one in self.tickets for event in await self.core.store.events(one)]
        async with connected(self.core.pool) as connection:
            for model in _MODELS:
                handler = ProjectionHandler(model, EventReader(decode=CODEC.decode))
                await handler.handle(connection, records(log, topic="ticket.events", partitions=1))


def opening(number: int, *, serial: str = "", phone: str = "", ref: str = "") -> OpenTicket:
    """Open a ticket of a device, or of a customer, by phone or by the source's own number of them."""
    return replace(
        OPEN,
        incident_key=IncidentKey(kind=KeyKind.ORDER, value=f"O-{number}"),
        source_no=f"C-{number}",
        serial=serial,
        customer=Customer(name="陈女士", phone=phone),
        customer_ref=ref,
    )


@pytest.fixture
def bus(parts: Urls, tmp_path: Any) -> Iterator[Bus]:
    with bus_on(parts, tmp_path) as made:
        yield made


def figures(bus: Bus) -> dict[str, dict[str, Any]]:
    """Give the figures that a command lists, by metric."""
    done = bus.run("insight", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {one["metric"]: one for one in map(json.loads, done.stdout.splitlines())}


async def over_http(bus: Bus, seen: dict[str, dict[str, Any]]) -> None:
    """Hold what HTTP says against what the commands say."""
    async with bus.client() as http:
        listed = (await http.get("/v1/insight")).json()["metrics"]
        assert {one["metric"]: (one["hits"], one["judgement"]) for one in listed} == {
            name: (one["hits"], one["judgement"]) for name, one in seen.items()
        }
        one = (await http.get("/v1/insight/chase", params={"until": "2026-01-01T00:00:00Z"})).json()
        assert (one["units"], one["share"], one["threshold"]["limit"]) == (0, None, 0.05)
        rest = (await http.get("/v1/insight/first-time-fix/why", params={"others": "true"})).json()
        assert ([case["cause"] for case in rest["cases"]], rest["more"]) == (["several_visits"], False)
        tasks = (await http.get("/v1/insight/decisions", params={"open": "true"})).json()["tasks"]
        assert {task["kind"] for task in tasks} == {"management", "p1", "improvement"}
        wrong = await http.get("/v1/insight/chaise")
        assert (wrong.status_code, "did you mean" in wrong.text) == (404, True)
        assert (await http.get("/v1/insight/decisions", params={"open": "yes"})).status_code == 400


async def subjects(bus: Bus, name: str) -> dict[str, str]:
    """Give the tickets of a numerator with their causes."""
    async with bus.client() as http:
        found = (await http.get(f"/v1/insight/{name}/why")).json()
    return {one["subject"]: one["cause"] for one in found["cases"]}


def tasks_by_command(bus: Bus) -> None:
    """List what followed, and end a task as people do."""
    done = bus.run("insight", "decisions", "--json")
    found = {one["kind"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert found.keys() == {"management", "p1", "improvement"}, done.stderr
    assert (found["improvement"]["about"], found["improvement"]["see"]) == ("control_board", "")
    listed = bus.run(*found["p1"]["see"].split()[1:], "--json")
    assert len(listed.stdout.splitlines()) == found["p1"]["hits"] == 3, listed.stderr
    task = str(found["management"]["task"])
    ended = bus.run("insight", "done", task, "--by", "张工", "--reason", "专项已立 13900000005")
    assert ended.returncode == 0, ended.stderr
    text = bus.run("insight", "decisions").stdout
    assert "管理层 / management" in text
    assert "张工: 专项已立 139****0005" in text
    assert "待处理 to be done" in text


async def judge(core: Core, now: datetime) -> None:
    """Judge all metrics, as a worker does."""
    async with connected(core.pool) as connection:
        await round_of(core, connection, now).judge()


async def test_figures_of_tickets_that_lived(bus: Bus) -> None:
    async with bus.core() as core:
        lives, now = Lives(core), utc_now() - HOUR
        await judge(core, now)  # failures count from the first round on
        solved = [await lives.lived(opening(n, serial=f"SN-{n}"), *CLOSED[1:], at=now - 38 * DAY) for n in (1, 2)]
        solved += [await lives.lived(opening(n, serial=f"SN-{n}"), *CLOSED[1:], at=now - 9 * DAY) for n in (3, 4)]
        await lives.lived(opening(50, ref="kh-7"), *CLOSED[1:], at=now - 8 * DAY)
        same_ref = await lives.lived(opening(51, ref="KH-7"), *RESOLVED[1:], at=now)
        await lives.lived(opening(52, ref="KH-7"), *RESOLVED[1:], source="erp", at=now)  # another's number
        by_phone = await lives.lived(opening(5, phone="139 0000 0005"), *CLOSED[1:], at=now - 9 * DAY)
        arrive = Arrive(place="客户家")
        await lives.lived(opening(40, serial="SN-40"), ASSIGN, arrive, arrive, *CLOSED[3:], at=now - 9 * DAY)
        for n in range(6, 20):
            await lives.lived(opening(n), *RESOLVED[1:], at=now)
        long_ago = await lives.lived(opening(31, serial="SN-1"), *RESOLVED[1:], at=now)  # 38 days after
        same_device = await lives.lived(opening(33, serial="sn-3"), *RESOLVED[1:], at=now)
        same_phone = await lives.lived(opening(35, phone="+86 13900000005"), *RESOLVED[1:], at=now)
        asked_twice = await lives.lived(opening(36, serial="SN-36"), ASK, ASK, at=now)
        asked_once = await lives.lived(opening(37, serial="SN-37"), ASK, at=now)
        await lives.lived(opening(36, serial="SN-36"), at=now)  # its source sends it again
        await lives.lived(replace(opening(37), source_no="E-1"), source="erp", at=now)
        other_key = await lives.lived(opening(38, serial="SN-37"), at=now)
        late = await lives.lived(replace(opening(36), source_no="C-39"), at=now + timedelta(minutes=50))
        await lives.lived(opening(99, serial="SN-3"), *RESOLVED[1:], source=SANDBOX, at=now)
        await lives.failed(asked_once, {asked_once: "missed", late: "late", other_key: "met"})
        await lives.keep()
        await judge(core, utc_now())

    bus.start("gateway")
    await bus.ready()
    assert await subjects(bus, "chase") == {asked_twice: "hardware_fault"}
    recurring = await subjects(bus, "recurrence")
    assert recurring == {same_device: "control_board", same_phone: "control_board", same_ref: "control_board"}
    assert not recurring.keys() & {long_ago, by_phone, *solved}
    seen = await asyncio.to_thread(figures, bus)
    failed = seen["cross-system-failure"]
    assert (failed["hits"], failed["judgement"], failed["consequence"]) == (3, "over", "p1")
    assert failed["causes"] == {"erp": 1, "new_ticket_listed": 1, "webhook:crm": 1}
    assert [one for one in await subjects(bus, "cross-system-failure") if one.startswith("letter:")] == ["letter:2"]
    twice = seen["duplicates"]
    assert twice["causes"] == {"elsewhere": 1, "late": 1, "no_common_key": 1, "same_number": 1}
    assert (twice["units"] - twice["hits"], twice["judgement"]) == (len(lives.tickets) - 1 - 2 - 2, "ok")
    top = seen["top-causes"]
    assert (top["share"], top["judgement"], top["left_out"]) == (1.0, "over", 0)
    fixed = seen["first-time-fix"]
    assert (fixed["units"], fixed["hits"], fixed["judgement"]) == (5, 4, "too few")
    assert fixed["causes"] == {"several_visits": 1}
    text = bus.run("insight", "show", "chase").stdout
    assert "催单率 / Chase rate" in text
    assert "阈值 threshold: 高于 above 5.0%" in text
    assert [*seen] == [one.name for one in METRICS]
    await over_http(bus, seen)
    await asyncio.to_thread(tasks_by_command, bus)
