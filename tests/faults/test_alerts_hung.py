"""PostgreSQL and Kafka hang with all their connections open: alerts reach the robot all the same, within 30 s."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.simulators.wecom_robot import WecomRobotSimulator
from tests.bus_under_test import TOKEN, Bus, eventually
from tests.e2e.test_alerts import heard, robot  # noqa: F401 - the fixture
from tests.e2e.test_stores_away import opening
from tests.faults.stack import FaultStack

LISTS = 100
CONNECTIONS_MIN = 8  # so many that every loop of the gateway finds one that was open before

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@asynccontextmanager
async def both_hung(stack: FaultStack) -> AsyncIterator[None]:
    """Let PostgreSQL and the broker stand still for as long as the block lasts."""
    stack.database.pause()
    stack.cluster.pause(1)
    try:
        yield
    finally:
        stack.database.resume()
        stack.cluster.resume(1)


async def test_alerts_while_both_stores_hang_are_sent_directly_though_a_storm_left_many_connections(
    one_broker: FaultStack,
    bus: Bus,
    robot: WecomRobotSimulator,  # noqa: F811 - the fixture
) -> None:
    bus.start("gateway")
    await bus.ready()
    async with bus.client(TOKEN) as http:

        async def post(key: str) -> int:
            answer = await http.post("/v1/tickets", json=opening(f"O-{key}"), headers={"Idempotency-Key": f"key-{key}"})
            return answer.status_code

        assert await post("0") == 201

        async def many_are_open() -> bool:
            await asyncio.gather(*(http.get("/v1/deadletters") for _ in range(LISTS)))
            [(count,)] = bus.query(CONNECTIONS)
            return int(count) >= CONNECTIONS_MIN

        await eventually(many_are_open, what=f"{CONNECTIONS_MIN} connections to PostgreSQL")
        async with both_hung(one_broker), asyncio.TaskGroup() as asking:
            posted = [asking.create_task(post(f"{n}")) for n in range(1, 6)]
            read, *_ = await asyncio.gather(
                http.get("/v1/deadletters"),
                heard(robot, "【P1 告警】对来源系统应答 5xx:first-admin"),
                heard(robot, "【P1 告警】无法连接 PostgreSQL"),
            )
        assert {one.result() for one in posted} == {503}
        assert read.status_code == 503, "it has its answer while PostgreSQL still hangs"
        await heard(robot, "【P1 已恢复】无法连接 PostgreSQL")
