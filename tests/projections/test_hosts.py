"""The read model of hosts: the last reading of each host and path, from a topic that is no ticket's."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import nan

from bus.postgres.pool import connected
from bus.wire.record import Record
from deadletter.rejected_inputs import MemoryRejectedInputs
from projections.hosts import HOSTS, KEY_BYTES_MAX, last_readings, project
from projections.read_models import handler_of
from projections.rebuild import rebuild
from projections.verify import verify
from schemas.messages import HostRead
from tests.projections.told import CODEC, encoded_event
from tests.stage.rig import PARTITIONS, Rig

AT = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
FIRST = HostRead(
    host="kafka-1", path="/data", role="kafka", read_at=AT,
    disk_total_bytes=100.0, disk_free_bytes=60.0, memory_free_bytes=8.0,
)  # fmt: skip
LATER = replace(FIRST, read_at=AT + timedelta(seconds=10), disk_free_bytes=50.0)
OTHER_DISK = replace(FIRST, path="/logs", disk_free_bytes=1.0)
OTHER_HOST = replace(LATER, host="erp-1", role="", path="/data")


def test_hosts_the_last_record_counts_also_of_a_clock_that_was_set_back() -> None:
    assert project(None, FIRST) is FIRST
    assert project(FIRST, LATER) is LATER
    assert project(LATER, FIRST) is FIRST


def values_of(*readings: HostRead) -> list[bytes]:
    return [CODEC.encode_record(one) for one in readings]


async def keep(
    rig: Rig, values: Sequence[bytes | None], refused: MemoryRejectedInputs, keys: Sequence[bytes] | None = None
) -> None:
    records = [
        Record(topic="hosts", partition=0, offset=n, key=key, value=value, headers=(), timestamp_ms=0)
        for n, (key, value) in enumerate(zip(keys or [b"k"] * len(values), values, strict=True))
    ]
    async with connected(rig.pool) as connection:
        await handler_of(HOSTS, CODEC, keep=refused.keep).handle(connection, records)


async def test_hosts_each_host_and_path_has_its_last_reading_and_what_is_no_reading_is_kept_apart(rig: Rig) -> None:
    refused = MemoryRejectedInputs()
    poison = [
        b"junk",
        encoded_event(),
        *values_of(
            replace(FIRST, host="a\0"),
            replace(FIRST, path="p" * KEY_BYTES_MAX),
            replace(FIRST, disk_free_bytes=nan),
            replace(FIRST, disk_free_bytes=-1.0),
            replace(FIRST, role="r" * 1_000),
            replace(FIRST, host=""),
        ),
    ]
    await keep(rig, [*values_of(FIRST, OTHER_HOST), *poison, *values_of(OTHER_DISK, LATER)], refused)
    assert await last_readings(rig.pool) == [OTHER_HOST, LATER, OTHER_DISK]
    assert [one.body for one in refused.kept.values()] == poison
    assert {one.code for one in refused.kept.values()} == {"malformed_record", "nul", "too_long", "no_size", "blank"}
    await keep(rig, [None, None], refused, keys=[b"kafka-1|/logs", b"nothing"])
    assert await last_readings(rig.pool) == [OTHER_HOST, LATER]
    assert [one.code for one in refused.kept.values()][-1] == "malformed_key"
    await keep(
        rig, [*values_of(OTHER_DISK), None, *values_of(replace(LATER, role="\0"))], refused, keys=[b"kafka-1|/logs"] * 3
    )
    assert await last_readings(rig.pool) == [OTHER_HOST, LATER]
    role = "维修\0站"  # a text that no table takes: found as the rows are written
    await keep(rig, values_of(replace(LATER, host="z", role=role), replace(LATER, host="y")), refused)
    assert [one.host for one in await last_readings(rig.pool)] == ["erp-1", "kafka-1", "y"]


async def test_hosts_are_built_again_and_verified_as_read_models_of_tickets_are(rig: Rig) -> None:
    handler, url = handler_of(HOSTS, CODEC), rig.settings.database_url or ""
    await rig.begin(HOSTS.name)
    await rig.produce(0, *values_of(FIRST, LATER, OTHER_DISK, OTHER_HOST))
    ends = await rig.reader.ends(rig.topic, range(PARTITIONS))
    await rig.runner().catch_up([handler], ends)
    (found,) = await verify(handler, url=url, reader=rig.reader)
    assert (found.equal, found.rows) == (True, 3)
    await rig.ask("UPDATE hosts SET role = 'erp' WHERE path = '/logs' RETURNING 1")
    (found,) = await verify(handler, url=url, reader=rig.reader)
    assert found.differences == (("kafka-1 /logs", "different"),)
    built = await rebuild(
        handler, topic=rig.topic, partitions=PARTITIONS, pool=rig.pool, runner=rig.runner(), reader=rig.reader
    )
    assert (built.records, await last_readings(rig.pool)) == (4, [OTHER_HOST, LATER, OTHER_DISK])
