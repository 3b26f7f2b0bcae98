"""The watch as a program: readings arrive on the topic, and once it runs it holds no connection to the database."""

from schemas.messages import HostRead
from schemas.topics import HOSTS
from tests.bus_under_test import Bus, eventually
from tests.store.kafka_log import records


async def test_watch_sends_readings_and_lets_go_of_postgres(bus: Bus) -> None:
    bus.start("watch")

    async def arrived() -> list[bytes]:
        return [record.value for record in await records(bus.settings, HOSTS)]

    values = await eventually(arrived, what=lambda: f"a reading: {bus.log_of('watch')[-1500:]}")
    async with bus.core() as core:
        reading = core.codec.decode_record(values[0])
    assert isinstance(reading, HostRead)
    assert reading.disk_free_bytes <= reading.disk_total_bytes
    held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert bus.query(held) == [(0,)]
    assert bus.stop("watch") == 0
