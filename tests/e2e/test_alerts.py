"""Alerts by the real programs: in a robot's hands within 30 s, and closed by themselves (R4, R46)."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import yaml
from websockets.asyncio.client import connect

from adapters.simulators.wecom_robot import WecomRobotSimulator
from bus.consistency.shown_names import shown
from bus.kafka.clients import make_consumer
from schemas.topics import physical
from tests.adapters.certificates import PrivateAuthority
from tests.bus_under_test import TOKEN, Bus, eventually
from tests.e2e.test_stores_away import NOWHERE, opening, through
from tests.proxy import proxy_to

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


async def test_alerts_of_a_gateway_alone_are_a_refused_subscription_and_no_worker_until_one_is_back(
    bus: Bus, robot: WecomRobotSimulator
) -> None:
    bus.start("gateway")
    await bus.ready()
    url = f"{bus.url.replace('http', 'ws')}/v1/stream?topics=ticket.assigns"
    for _ in range(2):
        async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None) as ws:
            await ws.recv()
    await asyncio.gather(heard(robot, "→ ticket.assigns"), heard(robot, "【P1 告警】没有 worker 在运行:worker"))
    assert bus.query("SELECT topic, nearest, times FROM topic_mismatches WHERE kind = 'stream'") == [
        ("ticket.assigns", "ticket.assign", 2)
    ]
    listed = await asyncio.to_thread(bus.run, "alerts", "list")
    assert listed.returncode == 1, "a P1 is open"
    assert "no_worker" in listed.stdout
    parts = bus.query("SELECT parts FROM programs WHERE program = 'gateway'")
    watched = dict.fromkeys(("outbox", "intake spool", "kafka", "source maps"))
    assert parts == [(watched,)], "its relay, its spool and its maps are watched"
    bus.environment["TICKETBUS_KAFKA_CA_FILE"] = str(PrivateAuthority(folder=bus.folder, days=(-1, 5)).ca)
    bus.start("worker")
    await heard(robot, "【P2 告警】证书即将过期:kafka_ca_file")
    await heard(robot, "【P1 已恢复】没有 worker 在运行:worker", within_s=90)


async def test_alerts_selftest_fires_every_rule_through_to_the_robot(bus: Bus, robot: WecomRobotSimulator) -> None:
    bus.start("gateway")
    await bus.ready()
    done = await asyncio.to_thread(bus.run, "alerts", "selftest", timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout
    assert any("【演练】" in text for _, text in robot.messages)


async def test_alerts_a_misspelled_subscription_is_heard_of_with_client_and_host(
    bus: Bus, robot: WecomRobotSimulator
) -> None:
    bus.start("worker")
    await _beats(bus, "worker")
    topic = physical(bus.settings.namespace, "ticket.assigns")
    group = f"{bus.settings.namespace}.bi"
    consumer = make_consumer(bus.settings, group_id=group, client_id="bi-dashboard")
    await consumer.start()
    try:
        consumer.subscribe([topic])  # aiokafka tells a consumer nothing of it from here on
        await heard(robot, f"【P1 告警】使用了未声明的主题:{shown(group)} → {shown(topic)}")
        [text] = [text for _, text in robot.messages if shown(topic) in text]
        assert f"是否指 {topic[:-1]}?" in text
        assert "bi-dashboard @ 127.0.0.1 (bi-dashboard-" in text
        checked = await asyncio.to_thread(bus.run, "topics", "check", "--live")
        assert checked.returncode == 1
        assert f"did you mean {topic[:-1]}?" in checked.stdout
    finally:
        await consumer.stop()


async def test_alerts_what_a_source_is_answered_while_postgres_is_away_is_heard_of_without_it(
    bus: Bus, robot: WecomRobotSimulator
) -> None:
    parts = urlsplit(bus.environment["DATABASE_URL"])
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy:
        alone = through(bus, proxy, KAFKA_BOOTSTRAP=NOWHERE)
        alone.start("gateway")
        await bus.ready()
        async with bus.client(TOKEN) as http:
            assert (await http.get("/v1/topics")).status_code == 200, "the gateway knows the token"
            await proxy.cut()
            refused = await http.post("/v1/tickets", json=opening("O-1"), headers={"Idempotency-Key": "k-1"})
        assert refused.status_code == 503
        await heard(robot, "【P1 告警】对来源系统应答 5xx:first-admin")
        await heard(robot, "【P1 告警】无法连接 PostgreSQL")
        [text] = [text for _, text in robot.messages if "5xx:first-admin" in text]
        assert "其中可能建单的请求 1 次" in text
        await proxy.mend()
        await heard(robot, "【P1 已恢复】无法连接 PostgreSQL")


async def _beats(bus: Bus, program: str) -> None:
    async def there() -> bool:
        return bool(bus.query("SELECT 1 FROM programs WHERE program = %s", program))

    await eventually(there, what=lambda: bus.last_words(program))
