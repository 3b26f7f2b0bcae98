"""The watch as a program: readings arrive on the topic, and once it runs it holds no connection to the database."""

from typing import Any

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
