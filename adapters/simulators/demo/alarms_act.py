"""The demo's alarms: three faults, each really made, and the messages about them in a robot's hands."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

from adapters.simulators.beside import beside
from adapters.simulators.demo.context import CLERK, DemoContext, DiskMade
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.demo.reports_act import WASHER
from adapters.simulators.dispatcher import until

GIB: Final = 1024.0**3
DISK: Final = DiskMade(
    host="demo-host", path="/data", total_bytes=200 * GIB, used_bytes=120 * GIB, growth=10 * GIB / 3600
)
POST_EVERY_S: Final = 2.0
ALARM_S_MAX: Final = 120.0  # a quiet machine needs half of it
_LINES: Final = 4  # of a message: what, where, what it costs, what mends it


@contextlib.asynccontextmanager
async def filling_disk(context: DemoContext) -> AsyncIterator[float]:
    """Post the readings of a disk that grows, until it is left; give when that began."""
    await context.faults.give_history(DISK)
    begun = time.monotonic()
    async with beside(_post_readings(context, begun)):
        yield begun


async def alarms(context: DemoContext, tell: Narrator, filling_since: float) -> None:
    """Make the other two faults, and show the message of each with the seconds from its fault. Raises DemoFailed."""
    tell.step(
        "三个故障,三条告警,都送到群机器人手里",
        "three faults, three alarms, each in the hands of a chat robot",
        "consumer of ticket.assigns · POST /v1/hosts/readings · webhook → 500 → rules → alert channels → WeCom robot",
    )
    async with context.faults.misspelled_consumer() as reading:
        misspelled_at = time.monotonic()
        async with context.faults.broken_openings():
            broken_at = time.monotonic()
            report = {**WASHER, "incident_key": {"kind": "serial", "value": "SN-WM-9001"}}
            opening = asyncio.create_task(context.crm.tell("ticket.created", "CRM-9", by=CLERK, **report))
            try:
                await heard(context, tell, "对来源系统应答 5xx", "crm", broken_at)
            except BaseException:
                opening.cancel()
                raise
        await heard(context, tell, "使用了未声明的主题", reading, misspelled_at)
    receipt = await opening
    tell.expect(receipt.result.get("answer") == "opened", "重试后应已建单", "its retry opens the ticket", receipt)
    tell.fact(
        f"数据库修好后 CRM 重试第 {receipt.attempts} 次,建单 {receipt.result['ticket_id']}:没有丢",
        f"the CRM's attempt {receipt.attempts} opened it once the database was mended: nothing is lost",
    )
    await heard(context, tell, "磁盘即将写满", f"{DISK.host} {DISK.path}", filling_since)


async def heard(context: DemoContext, tell: Narrator, title: str, about: str, since: float) -> str:
    """Wait for the message of an alert that opened, show it, and give its text."""
    robot = context.systems.robot

    async def found() -> tuple[float, str] | None:
        return next((one for one in robot.messages if f" 告警】{title}:" in one[1] and about in one[1]), None)

    message = await until(found, bool, limit_s=ALARM_S_MAX)
    tell.expect(message is not None, f"应收到告警“{title}”", f"the alert about {about} arrives", [*robot.messages])
    assert message is not None, "it arrived"
    at, text = message
    tell.fact(f"故障后 {at - since:.1f} 秒送达", f"in the robot's hands {at - since:.1f} s after the fault:")
    for line in text.splitlines()[:_LINES]:
        tell.row((line, 0))
    return text


async def _post_readings(context: DemoContext, begun: float) -> None:
    """Say how full the disk is, every two seconds, as a watch without a way to Kafka does."""
    while True:
        used = DISK.used_bytes + DISK.growth * (time.monotonic() - begun)
        await context.host.post(DISK.path, DISK.total_bytes, DISK.total_bytes - used)
        await asyncio.sleep(POST_EVERY_S)
