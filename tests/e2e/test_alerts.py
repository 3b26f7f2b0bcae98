"""Alerts by the real programs: in a robot's hands within 30 s, and closed by themselves (R4, R46)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import yaml

from adapters.simulators.wecom_robot import WecomRobotSimulator
from tests.bus_under_test import Bus, eventually

WITHIN_S = 30.0
ROBOT = "WECOM_ROBOT_URL"


@pytest.fixture
async def robot(bus: Bus) -> AsyncIterator[WecomRobotSimulator]:
    """Let a robot listen, and the bus know of it."""
    async with WecomRobotSimulator() as robot:
        file = bus.folder / "alerts.yaml"
        channels = {"sre": {"adapter": "wecom-robot", "options": {"url_variable": ROBOT}}}
        file.write_text(yaml.safe_dump({"channels": channels}))
        bus.environment |= {"TICKETBUS_ALERTS_FILE": str(file), ROBOT: robot.url}
        yield robot


async def heard(robot: WecomRobotSimulator, words: str, within_s: float = WITHIN_S) -> None:
    """Wait until the robot was sent a text with those words."""

    async def came() -> bool:
        return any(words in text for _, text in robot.messages)

    await eventually(came, within_s=within_s, what=lambda: f"{words}: {[*robot.messages]}")


async def test_alerts_that_no_worker_runs_is_heard_of_in_time_and_that_one_is_back_too(
    bus: Bus, robot: WecomRobotSimulator
) -> None:
    bus.start("gateway")
    await bus.ready()
    await heard(robot, "【P1 告警】没有 worker 在运行:worker")
    listed = await asyncio.to_thread(bus.run, "alerts", "list")
    assert listed.returncode == 1, "a P1 is open"
    assert "no_worker" in listed.stdout
    bus.start("worker")
    await heard(robot, "【P1 已恢复】没有 worker 在运行:worker", within_s=90)


async def test_alerts_selftest_fires_every_rule_through_to_the_robot(bus: Bus, robot: WecomRobotSimulator) -> None:
    bus.start("gateway")
    await bus.ready()
    done = await asyncio.to_thread(bus.run, "alerts", "selftest", timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout
    assert any("【演练】" in text for _, text in robot.messages)
