"""SLA clocks on the real parts: warned at 80 %, breached once, never early, standing while paused (R7)."""

import asyncio
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from bus.domain.events import Recorded, TicketOpened, WorkPaused
from bus.domain.promise_events import PromisesReplanned, SlaBreached, SlaWarned
from bus.domain.terms import ClockName, TicketId
from bus.domain.working_hours import WEEKDAYS
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_whole_path import ASSIGNEE

SLA_FILE = """\
quick: {name: 快速, response: PT2S, resolution: PT6S}
resting: {name: 工作时间内, response: PT2S, resolution: PT6S, calendar: by-region}
"""
# Worked on one day of the week, which is neither today nor tomorrow nor was yesterday.
CALENDARS_FILE = """\
calendars: {{rare: {{name: 每周一天, zone: Asia/Shanghai, week: {{{day}: "08:00-20:00"}}}}}}
regions: {{华东: rare}}
"""


def hurried(bus: Bus, folder: Path) -> Bus:
    """Give the same bus with promises of seconds; those of the type `resting` count on a day that is not near."""
    sla, calendars = folder / "sla.yaml", folder / "calendars.yaml"
    sla.write_text(SLA_FILE)
    calendars.write_text(CALENDARS_FILE.format(day=WEEKDAYS[(datetime.now(UTC).weekday() + 3) % 7]))
    files = {"TICKETBUS_SLA_FILE": str(sla), "TICKETBUS_CALENDARS_FILE": str(calendars)}
    return replace(bus, environment={**bus.environment, **files}, processes=bus.processes)


async def open_quick(bus: Bus, type_: str = "quick") -> str:
    key = {"kind": "order", "value": uuid4().hex}
    body = {"incident_key": key, "title": "断电", "type": type_, "region": "华东"}
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


async def tell(bus: Bus, ticket_id: str, name: str, body: dict[str, Any]) -> None:
    async with bus.client() as http:
        path, key = f"/v1/tickets/{ticket_id}/{name}", {"Idempotency-Key": uuid4().hex}
        answer = await http.post(path, json=body, headers=key)
    assert answer.status_code == 200, answer.text


async def history(bus: Bus, ticket_id: str) -> list[Recorded]:
    async with bus.core() as core:
        return list(await core.store.events(TicketId(ticket_id)))


async def rung(bus: Bus, ticket_id: str, clock: ClockName) -> list[Recorded]:
    """Wait for the breach of a clock and give all its alarms."""

    async def breached() -> list[Recorded]:
        events = await history(bus, ticket_id)
        alarms = [one for one in events if isinstance(one.event, SlaWarned | SlaBreached) and one.event.clock is clock]
        return alarms if any(isinstance(one.event, SlaBreached) for one in alarms) else []

    return await eventually(breached, what=lambda: f"a breach: {bus.log_of('worker')[-1500:]}")


async def test_sla_a_promise_is_warned_of_and_broken_once_and_never_early(bus: Bus, tmp_path: Path) -> None:
    quick = hurried(bus, tmp_path)
    quick.start("gateway")
    quick.start("worker")
    await bus.ready()
    left_alone, paused, resting = await open_quick(bus), await open_quick(bus), await open_quick(bus, "resting")
    for name, body in (("assign", {"assignee": ASSIGNEE}), ("accept", {}), ("start", {})):
        await tell(bus, paused, name, body)
    await tell(bus, paused, "pause", {"waiting_for": "customer", "reason": "客户不在家"})
    for clock in ClockName:
        alarms = await rung(bus, left_alone, clock)
        assert [type(one.event) for one in alarms] in ([SlaWarned, SlaBreached], [SlaBreached])
        opened = (await history(bus, left_alone))[0].event
        assert isinstance(opened, TicketOpened)
        for one in alarms:
            assert isinstance(one.event, SlaWarned | SlaBreached)
            share = 1.0 if isinstance(one.event, SlaBreached) else 0.8
            assert one.occurred_at - opened.opened_at >= timedelta(seconds=one.event.limit_s * share)
    seen = await history(bus, paused)
    (stood,) = [number for number, one in enumerate(seen) if isinstance(one.event, WorkPaused)]
    assert not [one for one in seen[stood:] if isinstance(one.event, SlaBreached)]
    await tell(bus, paused, "resume", {"reason": "客户回来了"})
    assert len(await rung(bus, paused, ClockName.RESOLUTION)) <= 2
    (opened_resting,) = await history(bus, resting)  # nothing has come of it, and the same is due by hand
    assert isinstance(opened_resting.event, TicketOpened)
    async with bus.client() as http:
        clock = (await http.get(f"/v1/tickets/{resting}")).json()["sla"]["first_response"]
    assert clock["calendar"].startswith("rare@")
    due = datetime.fromisoformat(clock["due_at"]).astimezone(ZoneInfo("Asia/Shanghai"))
    assert due - opened_resting.event.opened_at > timedelta(days=1)
    assert (due.hour, due.minute, due.second) == (8, 0, 2)
    rows = bus.query(
        "SELECT next_alarm_at = warn_at AND due_at = %s FROM sla_clocks WHERE ticket_id = %s AND clock = %s",
        due, resting, ClockName.FIRST_RESPONSE.value,
    )  # fmt: skip
    assert rows == [(True,)]
    explained = await asyncio.to_thread(bus.run, "calendar", "explain", resting)
    assert "已计 counted 0:00:00" in explained.stdout
    assert "休息日 / day off" in explained.stdout
    assert "用时 time 0 s" in explained.stdout
    assert (await asyncio.to_thread(bus.run, "calendar", "explain", "T20261122-999999")).returncode == 1
    file = tmp_path / "calendars.yaml"
    file.write_text(file.read_text().replace("08:00-20:00", "09:00-20:00"))
    load = ("calendar", "load", "--by", "张工", "--why", "新作息")
    assert "1 tickets planned anew" in (await asyncio.to_thread(quick.run, *load)).stdout
    assert "0 tickets planned anew" in (await asyncio.to_thread(quick.run, *load)).stdout
    replanned = (await history(bus, resting))[-1].event
    assert isinstance(replanned, PromisesReplanned)
    assert (replanned.previous, replanned.reason) == (clock["calendar"], "新作息 (张工)")

    async def due_an_hour_later() -> bool:
        query = "SELECT due_at = %s + interval '1 hour' FROM sla_clocks WHERE ticket_id = %s AND clock = %s"
        return bus.query(query, due, resting, ClockName.FIRST_RESPONSE.value) == [(True,)]

    await eventually(due_an_hour_later, what="the clock planned anew")


async def test_sla_a_breach_is_withdrawn_by_a_claim_that_was_in_time_and_is_told_late(bus: Bus, tmp_path: Path) -> None:
    quick = hurried(bus, tmp_path)
    quick.start("gateway")
    quick.start("worker")
    await bus.ready()
    ticket_id = await open_quick(bus)
    await rung(bus, ticket_id, ClockName.FIRST_RESPONSE)
    opened = (await history(bus, ticket_id))[0].occurred_at
    for after_s, name, body in ((0.5, "assign", {"assignee": ASSIGNEE}), (1.0, "accept", {})):
        await tell(bus, ticket_id, name, {**body, "at": (opened + timedelta(seconds=after_s)).isoformat()})
    events = await history(bus, ticket_id)
    names = [type(one.event).__name__ for one in events if one.event.__class__ is not SlaWarned]
    assert names[-2:] == ["SlaBreachWithdrawn", "AssignmentAccepted"]
    withdrawn, breach = events[-2], next(one for one in events if isinstance(one.event, SlaBreached))
    assert withdrawn.occurred_at >= breach.occurred_at

    async def met() -> bool:
        rows = bus.query(
            "SELECT state, settled_at, breached_at FROM sla_clocks WHERE ticket_id = %s AND clock = 'first_response'",
            ticket_id,
        )
        return rows == [("met", opened + timedelta(seconds=1), None)]

    await eventually(met, what="the clock shown as met")


async def test_sla_a_worker_that_was_dead_at_the_deadline_rings_once_after_it_is_back(bus: Bus, tmp_path: Path) -> None:
    quick = hurried(bus, tmp_path)
    quick.start("gateway")
    quick.start("worker")
    await bus.ready()
    ticket_id = await open_quick(bus)

    async def known() -> bool:
        return bus.query("SELECT count(*) FROM sla_clocks WHERE ticket_id = %s", ticket_id) == [(2,)]

    await eventually(known, what="the clocks of the ticket")
    quick.stop("worker", signal.SIGKILL)
    await asyncio.to_thread(bus.end_sessions)
    opened = (await history(bus, ticket_id))[0]

    async def both_due() -> bool:
        return bus.query("SELECT now() - %s > interval '7 seconds'", opened.occurred_at) == [(True,)]

    await eventually(both_due, what="both deadlines passed")
    quick.start("worker")
    for clock in ClockName:
        await rung(bus, ticket_id, clock)

    async def shown() -> bool:
        rows = bus.query("SELECT state FROM sla_clocks WHERE ticket_id = %s", ticket_id)
        return rows == [("breached",), ("breached",)]

    await eventually(shown, what="both clocks shown as breached")
    breaches = [one for one in await history(bus, ticket_id) if isinstance(one.event, SlaBreached)]
    assert len(breaches) == 2
    verified = await asyncio.to_thread(bus.run, "projection", "verify")
    assert verified.returncode == 0, verified.stdout
