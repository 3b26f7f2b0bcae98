"""Routing on the whole bus, as docs/routing.md has it: assigned within seconds, told when nobody suits (R5, R6)."""

import asyncio
import json
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from tests.bus_under_test import Bus, eventually

PAGE = Path(__file__).parents[2] / "docs" / "routing.md"


def of_page(number: int) -> str:
    """Give a file of the how-to, by its place there."""
    return PAGE.read_text(encoding="utf-8").split("```yaml\n")[number].split("```")[0]


async def listed_as_still(bus: Bus, pending: str) -> None:
    """Hold what `dwell` and `drift list` say of two tickets that were just opened."""

    async def measured() -> list[dict[str, Any]]:
        lines = (await asyncio.to_thread(bus.run, "dwell", "--json")).stdout.splitlines()
        return [json.loads(line) for line in lines] if len(lines) == 2 else []

    places = [(one["state"], one["region"], one["tickets"], one["red"]) for one in await eventually(measured)]
    assert places == [("pending", "西南", 1, 0), ("assigned", "华东", 1, 0)]
    around_the_clock = bus.folder / "calendars.yaml"
    around_the_clock.write_text('calendars: {}\ndefault: "24x7"\n', encoding="utf-8")
    bus.environment |= {
        "TICKETBUS_CALENDARS_FILE": str(around_the_clock),
        "TICKETBUS_DWELL_LIMITS": '{"pending": "PT0S", "assigned": "PT24H"}',
    }
    red = await asyncio.to_thread(bus.run, "dwell", "--red")
    assert [line.split()[0] for line in red.stdout.splitlines()] == [pending], red.stderr
    drift = await asyncio.to_thread(bus.run, "drift", "list")
    assert (drift.returncode, drift.stderr) == (0, "没有漂移的工单 / no ticket drifts\n")


async def offered_and_claimed(bus: Bus, http: httpx2.AsyncClient, opened: Any, routing: Path) -> str:
    """Kill the worker; the next one offers until somebody claims, reports what is red, and makes the morning's list."""
    bus.stop("worker", signal.SIGKILL)
    routing.write_text(of_page(2).replace("assign}", "offer}").replace("PT10M", "PT2S"), encoding="utf-8")
    minute_ago = datetime.now(ZoneInfo("Asia/Shanghai")) - timedelta(minutes=1)
    bus.environment |= {"TICKETBUS_MORNING_AT": f"{minute_ago:%H:%M}", "TICKETBUS_MORNING_CALENDAR": "24x7"}
    ticket_id: str = await opened("SN-3")
    bus.end_sessions()
    bus.start("worker", "--stages", "sla,projections")

    async def events() -> list[dict[str, Any]]:
        found = (await http.get(f"/v1/tickets/{ticket_id}/events")).json()["events"]
        return [one for one in found if one["event_type"] == "ticket.assigned.v1"]

    async def second() -> bool:
        return len(await events()) == 2

    await eventually(second, what=lambda: bus.last_words("worker"))
    accepted = await http.post(f"/v1/tickets/{ticket_id}/accept", json={}, headers={"Idempotency-Key": "claim"})
    assert accepted.status_code == 200, accepted.text
    first, last = await events()
    assert {first["assignee"]["person"], last["assignee"]["person"]} == {"王师傅", "李工"}
    assert last["previous_person"] == ""
    assert first["claim_due_at"] < last["claim_due_at"]

    async def red() -> list[str]:
        lines = (await asyncio.to_thread(bus.run, "alerts", "list", "--json")).stdout.splitlines()
        return [one["about"] for one in map(json.loads, lines) if one["rule"] == "dwell_red"]

    assert "pending 西南" in await eventually(red, each_s=1.0, what=lambda: bus.last_words("worker"))
    made = await asyncio.to_thread(bus.run, "drift", "list", "--date", f"{minute_ago:%Y-%m-%d}")
    assert (made.returncode, made.stderr) == (0, "没有漂移的工单 / no ticket drifts\n")
    return ticket_id


async def test_routing_a_ticket_has_somebody_within_seconds_and_nobody_suits_is_an_alert(
    bus: Bus, tmp_path: Path
) -> None:
    people, routing = tmp_path / "people.yaml", tmp_path / "routing.yaml"
    people.write_text(of_page(1), encoding="utf-8")
    routing.write_text(of_page(2), encoding="utf-8")
    bus.environment["TICKETBUS_ROUTING_FILE"] = str(routing)
    assert (await asyncio.to_thread(bus.run, "people", "apply", str(people))).returncode == 0
    bus.start("gateway")
    bus.start("worker", "--stages", "sla,projections")
    await bus.ready()
    async with bus.client() as http:

        async def opened(serial: str, **own: Any) -> str:
            body = {"incident_key": {"kind": "serial", "value": serial}, "title": "不制冷", "region": "华东",
                    "type": "hardware_fault", **own}  # fmt: skip
            answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": serial})
            assert answer.status_code == 201, answer.text
            return str(answer.json()["ticket_id"])

        async def shown(ticket_id: str) -> dict[str, Any]:
            found: dict[str, Any] = (await http.get(f"/v1/tickets/{ticket_id}")).json()
            return found

        suited = await opened("SN-1", skills=["compressor"])
        far = await opened("SN-2", region="西南")

        async def assigned() -> bool:
            return bool((await shown(suited))["state"] == "assigned")

        await eventually(assigned, what=lambda: bus.last_words("worker"))
        ticket = await shown(suited)
        assert (ticket["assignee"], ticket["responsibility"]["assigner"]) == ("王师傅", "ticketbus")
        events = (await http.get(f"/v1/tickets/{suited}/events")).json()["events"]
        assert [one["event_type"] for one in events] == [
            "ticket.opened.v1", "ticket.routed.v1", "ticket.assigned.v1",
        ]  # fmt: skip
        assert [(one["person"], one["unfit"]) for one in events[1]["ranking"]] == [("王师傅", None), ("李工", "skill")]
        people_listed = (await http.get("/v1/people")).json()["people"]
        assert {one["person"]: one["open_tickets"] for one in people_listed} == {"李工": 0, "王师傅": 1}

        async def alerted() -> list[dict[str, Any]]:
            lines = (await asyncio.to_thread(bus.run, "alerts", "list", "--json")).stdout.splitlines()
            return [one for one in map(json.loads, lines) if one["rule"] == "unroutable"]

        explained = await asyncio.to_thread(bus.run, "route", "explain", suited)
        assert "王师傅 手中(指派:ticketbus)" in explained.stdout
        assert "李工" in explained.stdout.splitlines()[3]
        assert "缺少技能 skill" in explained.stdout.splitlines()[3]
        view = (await http.get(f"/v1/tickets/{far}/routing")).json()
        assert (view["mode"], view["zh"]) == ("assign", "无人可派:区域不符“西南”;每分钟重试")
        (alert,) = await eventually(alerted, each_s=1.0)
        assert (alert["about"], alert["ticket_id"]) == ("hardware_fault 西南", far)
        await listed_as_still(bus, far)
        offered = await shown(await offered_and_claimed(bus, http, opened, routing))
        had = [offered["assignee"], "王师傅"].count("王师傅")
        left = await http.post("/v1/people/王师傅/leave", json={"why": "调岗"})
        assert (left.json()["handed_to"], left.json()["tickets"]) == ("", had), left.text
        again = await shown(suited)
        assert (again["state"], again["assignee"]) == ("pending", "")
        assert bus.stop("worker") == 0
