"""The watch as a program: its readings are on the topic and in `hosts list`, and it keeps no database connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson

from bus.gateway.auth.clients import add_client
from bus.gateway.auth.roles import Role
from schemas.messages import HostRead
from schemas.topics import HOSTS
from tests.bus_under_test import Bus, eventually
from tests.store.kafka_log import records


async def test_watch_sends_readings_and_lets_go_of_postgres(bus: Bus) -> None:
    bus.environment["TICKETBUS_HOST_ROLE"] = "测试机"
    bus.start("watch")

    async def arrived() -> list[Any]:
        return await records(bus.settings, HOSTS)

    (first, *_) = await eventually(arrived, what=lambda: f"a reading: {bus.log_of('watch')[-1500:]}")
    async with bus.core() as core:
        reading = core.codec.decode_record(first.value)
    assert isinstance(reading, HostRead)
    assert (reading.role, first.key) == ("测试机", f"{reading.host}|{reading.path}".encode())
    assert reading.disk_free_bytes <= reading.disk_total_bytes
    held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert bus.query(held) == [(0,)]
    assert bus.stop("watch") == 0


async def until(count: int, read: Callable[[], Awaitable[list[Any]]], bus: Bus) -> list[Any]:
    """Wait until that many rows are there."""

    async def there() -> list[Any]:
        rows = await read()
        return rows if len(rows) >= count else []

    return await eventually(there, what=lambda: f"{count} rows: {bus.log_of('worker')[-1500:]}")


async def test_watch_is_shown_by_hosts_list_and_marked_once_it_is_silent(bus: Bus) -> None:
    nothing = bus.run("hosts", "list")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "ticketbus watch" in nothing.stderr
    bus.environment["TICKETBUS_HOST_ROLE"] = "测试机"
    bus.start("worker", "--stages", "hosts")
    bus.start("watch")

    async def judged() -> list[Any]:
        return bus.query("SELECT origin FROM disks GROUP BY origin HAVING count(*) > 0")

    async def shown() -> list[Any]:
        return bus.query("SELECT host FROM hosts")

    ((host,),) = await eventually(shown, what=lambda: f"a row: {bus.log_of('worker')[-1500:]}")
    listed = [orjson.loads(line) for line in bus.run("hosts", "list", "--json").stdout.splitlines()]
    (read,) = [one for one in listed if one["host"] == host]
    assert (read["host"], read["role"], read["silent"]) == (host, "测试机", False)
    assert 0 < read["disk_free_bytes"] <= read["disk_total_bytes"]
    assert {one[0] for one in await until(3, judged, bus)} == {"watch", "broker", "database"}
    text = bus.run("hosts", "list").stdout
    assert "broker-" in text
    assert "大小 size" in text
    for program in ("watch", "worker"):
        assert bus.stop(program) == 0
    bus.query("UPDATE hosts SET read_at = now() - interval '3 hours' RETURNING 1")
    line = bus.run("hosts", "list").stdout
    assert host in line
    assert "测试机" in line
    assert "3 h 前 ago  失联 silent" in line
    bus.query("UPDATE hosts SET read_at = now() + interval '3 hours', role = E'a\\nb\\x1b[31m' RETURNING 1")
    (line,) = [one for one in bus.run("hosts", "list").stdout.splitlines() if one.startswith(host)]
    assert r"a\u000ab\u001b[31m" in line
    assert line.endswith("时钟超前 clock ahead")


async def test_watch_a_host_that_is_no_more_is_removed_and_stays_removed_after_a_rebuild(bus: Bus) -> None:
    bus.start("worker", "--stages", "hosts")
    bus.start("watch")

    async def shown() -> list[Any]:
        return bus.query("SELECT host FROM hosts")

    ((host,),) = await eventually(shown, what=lambda: f"a row: {bus.log_of('worker')[-1500:]}")
    early = bus.run("hosts", "remove", host)
    assert (early.returncode, "stop its watch first" in early.stderr) == (1, True)
    assert bus.run("hosts", "remove", "nobody").returncode == 1
    assert bus.stop("watch") == 0
    bus.query("UPDATE hosts SET read_at = now() - interval '3 hours' RETURNING 1")
    assert bus.run("hosts", "remove", host).returncode == 0

    async def gone() -> bool:
        return not await shown()

    await eventually(gone, what=lambda: f"no row: {bus.log_of('worker')[-1500:]}")
    assert bus.query("SELECT count(*) FROM refused_inputs") == [(0,)]
    assert bus.run("projection", "rebuild", "hosts").returncode == 0
    assert await shown() == []
    assert bus.run("projection", "verify", "hosts").returncode == 0


async def test_watch_without_a_way_to_kafka_posts_through_the_gateway_under_its_clients_name(bus: Bus) -> None:
    bus.start("gateway")
    bus.start("worker", "--stages", "hosts")
    async with bus.core() as core:
        host = f"crm-{uuid4().hex[:8]}"
        tokens = {role: await add_client(core.pool, f"{host}{role[4:]}", Role(role)) for role in ("host", "subscriber")}
    posting = ("watch", "--gateway", bus.url, "--role", "consumer", "--path", "/tmp")  # noqa: S108 - a path to read
    bus.environment |= {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    bus.environment["TICKETBUS_TOKEN"] = tokens["subscriber"]
    refused = await asyncio.to_thread(bus.run, *posting)
    assert (refused.returncode, "not_allowed (role)" in refused.stderr) == (1, True), refused.stderr
    bus.environment["TICKETBUS_TOKEN"] = tokens["host"]
    assert (await asyncio.to_thread(bus.run, *posting, "--host", "x")).returncode == 2
    bus.start(*posting)

    async def shown() -> list[Any]:
        return bus.query("SELECT host, role, path FROM hosts WHERE disk_total_bytes > 0")

    rows = await eventually(shown, what=lambda: f"a row: {bus.log_of('watch')[-1500:]}")
    assert rows == [(host, "consumer", "/tmp")]  # noqa: S108 - as above
    assert bus.stop("watch") == 0
