"""A ticket's promise up its ladder by the real programs: each level once, also after kill -9, until it is over (R7)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.domain.promise_events import SlaBreached, SlaWarned
from bus.domain.terms import ClockName
from tests.alerts.alerting import two_robots
from tests.bus_under_test import Bus, eventually
from tests.e2e.test_sla import history, tell
from tests.e2e.test_whole_path import ASSIGNEE

PAGE = Path(__file__).parents[2] / "docs" / "escalations.md"
SLA_FILE = """\
hardware_fault: {name: 硬件故障, response: PT24H, resolution: PT60S}
complaint: {name: 投诉, response: PT24H, resolution: PT48H}
"""
Robots = tuple[WecomRobotSimulator, WecomRobotSimulator]


@pytest.fixture
async def robots(bus: Bus, tmp_path: Path) -> AsyncIterator[Robots]:
    """Let the robots of a lead and of a manager listen, and give the bus the alerts file of the page."""
    sla, alerts = tmp_path / "sla.yaml", tmp_path / "alerts.yaml"
    given = yaml.safe_load(dedent(PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("   ```")[0]))
    given["channels"]["sre"] = {"adapter": "log"}
    sla.write_text(SLA_FILE)
    alerts.write_text(yaml.safe_dump({**given, "rules": {"sla_escalation": {"close_after_s": 0}}}))
    async with two_robots() as (lead, manager):
        bus.environment |= {"TICKETBUS_SLA_FILE": str(sla), "TICKETBUS_ALERTS_FILE": str(alerts)}
        bus.environment |= {"WECOM_ROBOT_LEAD": lead.url, "WECOM_ROBOT_MANAGER": manager.url}
        yield lead, manager


def headlines(robot: WecomRobotSimulator) -> list[str]:
    """Give what a robot was sent, by the first line of each message, without what it is about."""
    return [text.split("】")[0].removeprefix("【") for _, text in robot.messages]


def round_is_due(bus: Bus) -> None:
    """Let whichever program looks next hold a round."""
    bus.query("UPDATE alert_rounds SET begun_at = '-infinity' RETURNING 1")


async def two_rounds_pass(bus: Bus) -> None:
    """Wait for two whole rounds."""
    for _ in range(2):
        round_is_due(bus)

        async def held() -> bool:
            return bus.query("SELECT begun_at > '-infinity' FROM alert_rounds") == [(True,)]

        await eventually(held)


async def heard(bus: Bus, robot: WecomRobotSimulator, *lines: str) -> None:
    """Wait until a robot was sent these messages, no other, in this order."""

    async def came() -> bool:
        round_is_due(bus)
        return len(headlines(robot)) >= len(lines)

    await eventually(came, each_s=0.2, what=lambda: f"{lines}: {robot.messages}")
    assert headlines(robot) == [*lines]


def pass_time(bus: Bus, minutes: int) -> int:
    """Let what people heard of the promise lie further back; gives the alert's number."""
    [(number,)] = bus.query(
        "UPDATE alerts SET opened_notified_at = opened_notified_at - %(by)s, notified_at = notified_at - %(by)s "
        "WHERE rule = 'sla_escalation' AND closed_at IS NULL RETURNING number".replace("%(by)s", "%s"),
        *[timedelta(minutes=minutes)] * 2,
    )
    return int(number)


async def opened(bus: Bus, type_: str, ago: timedelta = timedelta(0)) -> str:
    """Open a ticket that was reported a while ago."""
    body = {
        "incident_key": {"kind": "serial", "value": type_},
        "title": "断电",
        "type": type_,
        "region": "华东",
        "customer": {"name": "王小明", "phone": "13812345678"},
        "opened_at": (datetime.now(UTC) - ago).isoformat(),
    }
    async with bus.client() as http:
        answer = await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": type_})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["ticket_id"])


async def test_escalation_goes_up_level_by_level_until_a_person_acts_and_ends_with_the_resolution(
    bus: Bus, robots: Robots
) -> None:
    lead, manager = robots
    bus.start("gateway")
    bus.start("worker")
    await bus.ready()
    other = await opened(bus, "complaint")

    async def at_work() -> bool:
        return bus.query("SELECT count(*) FROM sla_clocks WHERE ticket_id = %s", other) == [(2,)]

    await eventually(at_work, what=lambda: bus.last_words("worker"))
    ticket_id = await opened(bus, "hardware_fault", ago=timedelta(seconds=48))
    await heard(bus, lead, "P3 告警")

    bus.stop("worker", signal.SIGKILL)
    await asyncio.to_thread(bus.end_sessions)
    bus.start("worker")
    await heard(bus, lead, "P3 告警", "P2 告警")
    pass_time(bus, 10)
    await heard(bus, lead, "P3 告警", "P2 告警", "P2 仍未恢复")
    assert headlines(manager) == [], "30 minutes are not over"
    number = pass_time(bus, 20)
    await heard(bus, manager, "P2 无人认领,升级")
    assert f"工单 {ticket_id}(hardware_fault 华东)的解决已超时" in manager.messages[0][1]
    assert "通知 / for: 经理" in manager.messages[0][1]

    acked = await asyncio.to_thread(bus.run, "alerts", "ack", str(number), "--why", "已联系客户")
    assert acked.returncode == 0, acked.stderr
    pass_time(bus, 600)
    await two_rounds_pass(bus)
    assert headlines(manager) == ["P2 无人认领,升级"], "who has acknowledged it hears no more"
    proof = {"summary": "更换电源", "photos": ["https://files.example/1.jpg"], "root_cause": "power_supply"}
    for name, given in (("assign", {"assignee": ASSIGNEE}), ("accept", {}), ("start", {}), ("resolve", proof)):
        await tell(bus, ticket_id, name, given)
    await heard(bus, manager, "P2 无人认领,升级", "P2 已恢复")
    await heard(bus, lead, "P3 告警", "P2 告警", "P2 仍未恢复", "P2 已恢复")
    assert not [text for robot in robots for _, text in robot.messages if "王小明" in text or "13812345678" in text]
    events = [one.event for one in await history(bus, ticket_id)]
    alarms = [one for one in events if isinstance(one, SlaWarned | SlaBreached)]
    assert [(type(one), one.clock) for one in alarms] == [
        (SlaWarned, ClockName.RESOLUTION),
        (SlaBreached, ClockName.RESOLUTION),
    ]
