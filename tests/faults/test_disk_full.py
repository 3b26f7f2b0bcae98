"""A small disk that is filled for real: heard of mark by mark, intake or deliveries stop in time and resume (R4)."""

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import yaml

from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.wecom_robot import WecomRobotSimulator
from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually

pytestmark = pytest.mark.faults

SIZE = 64 * 1024**2
WITHIN_S = 30.0
MARKS = ((76, "P3"), (86, "P2"), (91, "P1"))


class SmallDisk:
    """A disk of 64 MiB in memory, filled to a percent by one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, percent: float) -> float:
        """Fill it; gives the time."""
        with (self.path / "filler").open("wb") as file:
            file.write(bytes(int(SIZE * percent / 100)))
        return time.monotonic()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a small disk; where that is not possible the test is skipped."""
    path = tmp_path / "small"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield SmallDisk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
async def robot(bus: Bus) -> AsyncIterator[WecomRobotSimulator]:
    """Let a robot listen, and the bus know of it."""
    async with WecomRobotSimulator() as robot:
        file = bus.folder / "alerts.yaml"
        options = {"url_variable": "WECOM_ROBOT_URL"}
        file.write_text(yaml.safe_dump({"channels": {"sre": {"adapter": "wecom-robot", "options": options}}}))
        bus.environment |= {"TICKETBUS_ALERTS_FILE": str(file), "WECOM_ROBOT_URL": robot.url}
        yield robot


async def start(bus: Bus, role: str, disk: SmallDisk) -> None:
    """Run all programs, the watch on the small disk."""
    bus.start("gateway")
    bus.start("worker")
    bus.start("watch", "--host", "app-1", "--role", role, "--path", str(disk.path))
    await bus.ready()


async def heard(robot: WecomRobotSimulator, severity: str, since: float) -> None:
    """Wait until the robot was told of the small disk with that severity."""

    async def came() -> bool:
        return any(text.startswith(f"【{severity} 告警】磁盘达到水位:app-1 ") for _, text in robot.messages)

    await eventually(came, within_s=WITHIN_S, what=lambda: f"{severity}: {[*robot.messages]}")
    print(f"{severity}: {time.monotonic() - since:.1f} s to the robot's hands")


async def opened(bus: Bus, key: str) -> httpx2.Response:
    """Open a ticket."""
    body = {
        "incident_key": {"kind": "serial", "value": f"SN-{key}"},
        "title": "空调不制冷",
        "type": "hardware_fault",
        "region": "上海",
    }
    async with bus.client() as http:
        return await http.post("/v1/tickets", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("role", ["broker", "database"])
async def test_disk_full_intake_stops_before_it_is_and_resumes_by_itself(
    bus: Bus, robot: WecomRobotSimulator, disk: SmallDisk, role: str
) -> None:
    disk.fill(74)
    await start(bus, role, disk)
    assert (await opened(bus, uuid4().hex)).status_code == 201
    key = uuid4().hex
    for percent, severity in MARKS:
        await heard(robot, severity, disk.fill(percent))

    async def refused() -> bool:
        return (await opened(bus, key)).status_code == 503

    await eventually(refused, within_s=WITHIN_S, what="a 503")
    answer = await opened(bus, key)
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("disk_floor", "30")
    assert bus.query("SELECT count(*) FROM ticket_states") == [(1,)], "the refused one left nothing"
    since = disk.fill(80)

    async def taken() -> bool:
        return (await opened(bus, key)).status_code in (200, 201)

    await eventually(taken, within_s=WITHIN_S, what="intake resumes")
    print(f"resumed after {time.monotonic() - since:.1f} s")
    assert bus.query("SELECT count(*) FROM ticket_states") == [(2,)]
    watermarks = [text.splitlines()[0] for _, text in robot.messages if "磁盘达到水位:app-1 " in text]
    assert len(watermarks) == len(MARKS), "one message a crossing"


async def test_disk_full_of_a_targets_host_its_deliveries_wait_and_none_is_lost_or_repeated(
    bus: Bus, robot: WecomRobotSimulator, disk: SmallDisk, tmp_path: Path
) -> None:
    async with CallbackReceiver(WEBHOOK_SECRET) as crm:
        options = {"url": crm.url, "secrets": ["CRM_SECRET"]}
        target = {"adapter": "crm-callback", "events": "all", "host": "app-1", "options": options}
        file = tmp_path / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": {"crm": target}}))
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}
        disk.fill(92)
        began = time.monotonic()
        await start(bus, "consumer", disk)
        await heard(robot, "P1", began)
        tickets = [str((await opened(bus, uuid4().hex)).json()["ticket_id"]) for _ in range(10)]

        async def waiting() -> bool:
            return bus.query("SELECT count(*) FROM deliveries WHERE state = 'waiting'") == [(10,)]

        await eventually(waiting, what="10 deliveries wait")
        assert "已到停写线" in bus.run("delivery", "list").stdout
        assert crm.ledger.effects == []
        disk.fill(10)

        async def delivered() -> bool:
            return all(crm.ledger.of_ticket(one) for one in tickets)

        await eventually(delivered, what=lambda: bus.last_words("worker"))
        assert all(crm.ledger.of_ticket(one) == [1] for one in tickets)
        assert crm.ledger.repeated() == []
