"""Half an hour of normal traffic, with every part restarted once as operators do: no false alarm is sent (R46)."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import combinations
from pathlib import Path
from random import Random
from shutil import disk_usage
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml
from aiokafka.errors import KafkaError
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

import schemas
from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.kafka.clients import make_consumer
from bus.local import postgres, schema_registry
from bus.local.process import Child
from schemas.topics import LOG, physical
from tests.bus_under_test import TOKEN, Bus, eventually
from tests.faults.outside import outside
from tests.faults.stack import FaultStack
from tests.faults.trial import trial

MINUTES: Final = float(os.environ.get("QUIET_MINUTES", "30"))
SLA_FILE: Final = Path(schemas.__file__).with_name("sla.yaml")
DAY_S: Final = 86_400.0
DISK_EVERY_S: Final = 10.0
GROWS_S: Final = 180.0  # what a forecast needs
AWAY_S: Final = 3.0  # between the end of a part and its next start
SENT_WITHIN_S: Final = 30.0  # what was true while a part was away may arrive so much later
SETTLES_S: Final = 100.0  # after the last restart: an alert of it has opened and closed by then
# What is true while that part is away: who reads it need do nothing, and it says by itself that it is over.
TRUE_WHILE_AWAY: Final = {
    "worker": ("没有 worker 在运行",),
    "kafka": ("发布到 Kafka 停滞", "处理阶段停住:Kafka"),
    "postgres": ("无法连接 PostgreSQL", "对来源系统应答 5xx"),
}


@asynccontextmanager
async def running(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Let it work until the block ends; what it raises fails the test."""
    task = asyncio.ensure_future(work())
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _read_as_stranger(bus: Bus) -> None:
    """Read the log in a group that is not the bus's, and commit, as a dashboard does."""
    topic = physical(bus.settings.namespace, LOG)
    consumer = make_consumer(bus.settings, topic, group_id=f"{bus.settings.namespace}.dashboard", client_id="dashboard")
    await consumer.start()
    try:
        while True:
            with suppress(KafkaError):  # each waits by itself while the broker is away
                if await consumer.getmany(timeout_ms=1000):
                    await consumer.commit()
    finally:
        await consumer.stop()


async def _subscribe(bus: Bus) -> None:
    """Read a stream, and connect again, later each time, when the gateway goes."""
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics=ticket.assign"
    async for ws in connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None):
        with suppress(WebSocketException):
            async for _ in ws:
                pass


async def _restart(stack: FaultStack, bus: Bus, part: str) -> None:
    """Stop a part as an operator does, and start it again; nothing here holds up the loop."""
    match part:
        case "kafka":
            await _ended(stack.cluster.brokers[1].child, signal.SIGTERM)
            stack.cluster.start(1)
            await stack.cluster.ready()
        case "postgres":
            database = stack.database
            await _ended(database.child, signal.SIGINT)
            password = database.secrets.database_password
            database.child = postgres.start(
                database.data, port=database.port, password=password, logs=database.data / "logs"
            )
            await _answers(lambda: postgres.answers(port=database.port, password=password))
        case "registry":
            await _ended(stack.children[-1], signal.SIGTERM)
            stack.children.append(stack.start_registry())
            port = urlsplit(stack.registry_urls).port or 0
            await _answers(lambda: schema_registry.answers(port=port))
        case program:
            assert await asyncio.to_thread(bus.stop, program) == 0
            await asyncio.sleep(AWAY_S)
            bus.start(program, *WATCH) if program == "watch" else bus.start(program)
            await bus.ready()


WATCH: Final = ("--host", "app-1", "--role", "consumer", "--path", "/")


async def _ended(child: Child | None, how: signal.Signals) -> None:
    assert child is not None, "it runs"
    child.popen.send_signal(how)

    async def gone() -> bool:
        return child.ended() is not None

    await eventually(gone, what=lambda: f"{child} stopped")
    await asyncio.sleep(AWAY_S)


async def _answers(asked: Callable[[], bool]) -> None:
    async def there() -> bool:
        return await asyncio.to_thread(asked)

    await eventually(there)


PARTS: Final = ("gateway", "worker", "watch", "registry", "kafka", "postgres")


def _unhurried(folder: Path) -> Path:
    """Write promises that this traffic keeps: nobody answers what the CRM reports, and 15 minutes are soon over."""
    types = yaml.safe_load(SLA_FILE.read_text())
    file = folder / "sla.yaml"
    file.write_text(yaml.safe_dump({name: {**one, "response": "PT4H"} for name, one in types.items()}))
    return file


async def _measure_disk(read: list[tuple[float, int, int]]) -> None:
    """Read the machine's disk, which others fill and empty too: time, bytes used, bytes free."""
    while True:
        disk = disk_usage("/")
        read.append((time.monotonic(), disk.used, disk.free))
        await asyncio.sleep(DISK_EVERY_S)


def _true_throughout(read: Sequence[tuple[float, int, int]]) -> Sequence[str]:
    """Give what others on this machine make true: for minutes its disk grew so that it is full within a day."""
    pairs = ((sooner, later) for sooner, later in combinations(read, 2) if later[0] - sooner[0] >= GROWS_S)
    fills = any((used - before) / (at - since) * DAY_S >= free for (since, before, _), (at, used, free) in pairs)
    return ("磁盘即将写满",) if fills else ()


def _false_alarms(
    messages: Iterable[tuple[float, str]],
    away: Sequence[tuple[float, float, str]],
    begun: float,
    throughout: Sequence[str],
) -> list[str]:
    """Print every line that a person got, and give those that neither a part's being away nor others make true."""
    false = list[str]()
    for at, line in ((at, line) for at, text in messages for line in text.splitlines() if line.startswith("【")):
        parts = [part for since, until, part in away if since <= at <= until + SENT_WITHIN_S]
        of_part = [words for part in parts for words in TRUE_WHILE_AWAY.get(part, ())]
        of_part += throughout
        true = "已恢复】" in line or any(words in line for words in of_part)
        print(f"{at - begun:6.0f} s, away: {parts}: {'' if true else 'FALSE '}{line}")
        if not true:
            false.append(line)
    return false


@pytest.mark.faults
@pytest.mark.timeout(MINUTES * 60 + 600)
async def test_a_quiet_run_with_one_restart_of_every_part_sends_no_false_alarm(
    one_broker: FaultStack, bus: Bus, rng: Random, tmp_path: Path
) -> None:
    async with WecomRobotSimulator() as robot:
        file = bus.folder / "alerts.yaml"
        options = {"url_variable": "WECOM_ROBOT_URL"}
        file.write_text(yaml.safe_dump({"channels": {"sre": {"adapter": "wecom-robot", "options": options}}}))
        bus.environment |= {"TICKETBUS_ALERTS_FILE": str(file), "WECOM_ROBOT_URL": robot.url}
        bus.environment["TICKETBUS_SLA_FILE"] = str(_unhurried(bus.folder))
        away, disk = list[tuple[float, float, str]](), list[tuple[float, int, int]]()
        async with outside(bus, tmp_path) as world:
            bus.start("watch", *WATCH)
            async with (
                trial(bus, rng, rate=5, doubled=0, sound=True) as load,
                running(lambda: _read_as_stranger(bus)),
                running(lambda: _subscribe(bus)),
                running(lambda: _measure_disk(disk)),
            ):
                begun = time.monotonic()
                pause_s = max(0.0, MINUTES * 60 - SETTLES_S) / len(PARTS)
                for number, part in enumerate(PARTS, 1):
                    since = time.monotonic()
                    await _restart(one_broker, bus, part)
                    away.append((since, time.monotonic(), part))
                    print(f"{since - begun:6.0f} s: {part} was away for {time.monotonic() - since:.1f} s")
                    await asyncio.sleep(max(0.0, begun + number * pause_s - time.monotonic()))
                await load.answered(20)
                await asyncio.sleep(max(0.0, begun + MINUTES * 60 - time.monotonic()))
                false = _false_alarms(robot.messages, away, begun, _true_throughout(disk))
                assert await asyncio.to_thread(bus.stop, "watch") == 0  # else a reading is always on its way
            world.judge()
            letters = bus.query("SELECT origin, kind, reason, detail FROM letters LIMIT 5")
        assert not false, f"{len(false)} false alarms: {false[:5]}; letters: {letters}"
