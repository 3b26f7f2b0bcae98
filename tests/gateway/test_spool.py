"""The spool on real Kafka and PostgreSQL: later deliveries wait for as long as earlier ones do, and not for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bus.alerts.log_sink import log_alert
from bus.domain.errors import KafkaUnavailable
from bus.gateway.write.spool import NEAR_RECORDS, STILL_S_MAX, KafkaSpool, _Behind
from bus.local.stack import Urls
from bus.outbox.record import OutboxRecord, queue
from bus.outbox.relay import Relay
from bus.postgres.pool import Pool, connected, open_pool
from bus.settings import Settings
from bus.stage import offsets
from bus.wire.mac import is_authentic
from schemas.messages import RequestReceived
from schemas.topics import INTAKE, load_contract
from tests.bus_under_test import Bus, bus_on
from tests.gateway.fakes import CODEC
from tests.store.kafka_log import records

PARTITIONS = load_contract().topics[INTAKE].partitions


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Prepare a database and topics of the test's own."""
    with bus_on(parts, tmp_path) as made:
        yield made


@asynccontextmanager
async def spool_on(settings: Settings, clock: list[float]) -> AsyncIterator[tuple[KafkaSpool, Pool]]:
    """Make a spool whose clock is the test's."""
    assert settings.database_url is not None
    async with open_pool(settings.database_url, size=1) as pool:
        spool = KafkaSpool(settings=settings, codec=CODEC, pool=pool, clock=lambda: clock[0])
        try:
            yield spool, pool
        finally:
            await spool.close()


def received(source: str) -> RequestReceived:
    """Make a raw request."""
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    return RequestReceived(
        delivery_id="d", source=source, client=source, method="POST", path=f"/v1/sources/{source}/webhook",
        headers={}, body=b"open", received_at=at, trace_id="ab" * 16,
    )  # fmt: skip


async def moved(pool: Pool, to: int) -> None:
    """Move the intake stage on every partition."""
    async with connected(pool) as connection:
        await offsets.begin(connection, ["intake"], INTAKE, range(PARTITIONS))
        await connection.execute("UPDATE stage_offsets SET next_offset = %s WHERE handler = 'intake'", (to,))


async def test_spool_a_source_waits_until_the_stage_has_passed_what_was_spooled_for_it(bus: Bus) -> None:
    async with spool_on(bus.settings, [0.0]) as (spool, pool):
        assert not await spool.waits("crm")
        for _ in range(3):
            await spool(received("crm"))
        assert await spool.waits("crm")  # the stage has not even begun
        assert not await spool.waits("erp")
        await moved(pool, 2)
        assert await spool.waits("crm")
        assert await spool.trouble() == "crm"
        await moved(pool, 3)
        assert await spool.trouble() is None
        assert not await spool.waits("crm")


async def test_spool_deliveries_that_never_cease_go_live_all_the_same_once_the_stage_is_near(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with spool_on(bus.settings, [0.0]) as (spool, pool):
        await spool(received("busy"))
        partition, last = spool._behind["busy"].partition, spool._behind["busy"].offset
        await moved(pool, last)
        asked = [asyncio.create_task(spool.waits("busy")) for _ in range(50)]
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in asked)  # none is spooled while the stage is nearly there
        await moved(pool, last + 1)
        assert await asyncio.gather(*asked) == [False] * 50
        spool._behind["busy"] = _Behind(partition=partition, offset=last + 1 + NEAR_RECORDS + 1)
        monkeypatch.setattr("bus.gateway.write.spool.LOOK_S", 3600.0)
        async with asyncio.timeout(60):
            assert await spool.waits("busy")  # far away: nobody is kept waiting


async def test_spool_while_postgres_is_away_a_source_waits_and_a_stage_that_stands_still_holds_it_up_no_longer(
    bus: Bus,
) -> None:
    clock = [0.0]
    async with spool_on(bus.settings, clock) as (spool, pool):
        for _ in range(2):
            await spool(received("crm"))
        await moved(pool, 0)
        assert await spool.waits("crm")
        clock[0] += STILL_S_MAX
        await moved(pool, 1)
        assert await spool.waits("crm")  # it moves, though it is not there yet
        clock[0] += STILL_S_MAX + 1
        with capture_logs() as logs:
            assert not await spool.waits("crm")
        assert [one["source"] for one in logs] == ["crm"]
        await spool(received("crm"))
        await pool.close()
        assert await spool.waits("crm")


async def test_spool_records_of_a_gateway_and_replays_of_a_person_are_authentic(bus: Bus) -> None:
    settings = bus.settings.model_copy(update={"intake_secrets": [SecretStr("n" * 32), SecretStr("o" * 32)]})
    async with spool_on(settings, [0.0]) as (spool, pool):
        await spool(received("crm"))
        again = received("erp")
        value, foreign = CODEC.encode_record(again), (("ticketbus-mac", "ff"),)
        async with connected(pool) as connection:
            replay = OutboxRecord(topic=INTAKE, key="erp", value=value, headers=foreign, timestamp=again.received_at)
            await queue(connection, [replay])
        relay = Relay(pool=pool, contract=load_contract(), settings=settings, report=log_alert)
        await relay.publish_once()
        await relay.close()
    found = {one.key: one for one in await records(settings, INTAKE)}
    assert found.keys() == {b"crm", b"erp"}
    for one in found.values():
        assert is_authentic([b"n" * 32], one.value, one.headers)
        assert [name for name, _ in one.headers] == ["ticketbus-mac"]


async def test_spool_kafka_that_is_not_there_is_told() -> None:
    nowhere = Settings.model_validate({"kafka_bootstrap": "127.0.0.1:1", "database_url": "postgresql://127.0.0.1:1/x"})
    async with spool_on(nowhere, [0.0]) as (spool, _):
        with pytest.raises(KafkaUnavailable):
            await spool(received("crm"))
        assert not await spool.waits("crm")
