"""What somebody did to a sealed history is found and named; on the real parts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bus.app import Core
from bus.audit.check import check_audit
from bus.domain.errors import KafkaUnavailable
from bus.kafka.clients import start_producer
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import Connection, snapshot
from bus.programs.audit_checking import checked, witness_of
from schemas.topics import AUDIT, physical
from tests.audit.lives import AT, KEY, execute, live, report_of, sealed, sealed_lives

REBUILT = (
    "TRUNCATE audit_leaves, audit_tiles, audit_checkpoints",
    "INSERT INTO audit_pending SELECT ticket_id, version FROM events",
)
ADDED = (
    "INSERT INTO events SELECT ticket_id, 9, gen_random_uuid(), ce_type, command_id, trace_id, source, "
    "occurred_at, recorded_at, historic, value FROM events WHERE ONE"
)
SWAPPED = (
    "UPDATE events e SET value = o.value FROM events o WHERE e.version = 2 AND o.version = 2 AND "
    "(e.ticket_id LIKE '%-000002' AND o.ticket_id LIKE '%-000003' "
    "OR e.ticket_id LIKE '%-000003' AND o.ticket_id LIKE '%-000002')"
)
TABLES = ("events", "audit_leaves", "audit_tiles", "audit_checkpoints")
# What is done to a history, and the kinds that are found, each with what is named.
TAMPERING: dict[str, tuple[Sequence[str], set[tuple[str, str]]]] = {
    "changed bytes": (
        ["UPDATE events SET value = value || '\\x00' WHERE ONE"],
        {("changed", "-000002/2 (leaf")},
    ),
    "changed column": (
        ["UPDATE events SET recorded_at = recorded_at + interval '1 ms' WHERE ONE"],
        {("changed", "-000002/2 (leaf")},
    ),
    "dropped": (["DELETE FROM events WHERE ONE"], {("dropped", "-000002/2 (leaf")}),
    "added": (
        [ADDED],
        {("added", "-000002/9")},
    ),
    "swapped": (
        [SWAPPED],
        {("changed", "-000002/2 (leaf"), ("changed", "-000003/2 (leaf")},
    ),
    "dropped before it was sealed": (
        ["INSERT INTO audit_pending VALUES ('T20260118-000099', 1)"],
        {("dropped_before_sealing", "T20260118-000099/1")},
    ),
    "dropped with its leaf": (
        ["DELETE FROM audit_leaves WHERE ONE", "DELETE FROM events WHERE ONE"],
        {("leaf_missing", "leaf "), ("tile", "level 0"), ("tree_differs_from_checkpoint", "checkpoint 9")},
    ),
    "a hash": (
        ["UPDATE audit_tiles SET hashes = set_byte(hashes, 0, 255 - get_byte(hashes, 0))"],
        {
            ("changed", "(leaf 0)"),
            ("tree_differs_from_checkpoint", "checkpoint 9"),
            ("tree_differs_from_witness", "leaves from 0 to 8"),
        },
    ),
    "a checkpoint": (
        ["UPDATE audit_checkpoints SET note = replace(note, E'\\n9\\n', E'\\n8\\n') WHERE size = 9"],
        {("checkpoint_invalid", "checkpoint 9")},
    ),
    "the last checkpoint dropped": (
        ["DELETE FROM audit_checkpoints WHERE size = 15"],
        {("checkpoint_missing", "checkpoint 15")},
    ),
}


async def test_check_an_untouched_history_is_whole_and_witnessed(core: Core) -> None:
    await sealed_lives(core)
    await live(core, range(5, 6))
    report = await report_of(core)
    assert (report.listed, report.leaves, report.checkpoints, report.witnessed, report.waiting) == ([], 15, 2, 2, 3)
    await execute(core, "INSERT INTO audit_pending SELECT ticket_id, version FROM events")  # as `log restore` does
    assert await sealed(core, AT + timedelta(minutes=4)) == 3
    report = await report_of(core)
    assert (report.listed, report.leaves, report.waiting) == ([], 18, 0)


async def test_check_every_tampering_is_found_and_named(core: Core) -> None:
    await sealed_lives(core)
    await execute(core, "CREATE SCHEMA kept", *(f"CREATE TABLE kept.{one} AS TABLE {one}" for one in TABLES))
    for name, (done, wanted) in TAMPERING.items():
        await execute(core, *done)
        listed = (await report_of(core)).listed
        missing = {one for one in wanted if not any(kind == one[0] and one[1] in where for kind, where in listed)}
        assert missing == set(), (name, listed)
        await execute(core, "TRUNCATE audit_pending", *("TRUNCATE " + one for one in TABLES))
        await execute(core, *("INSERT INTO NAME SELECT * FROM kept.NAME".replace("NAME", one) for one in TABLES))
    assert (await report_of(core)).listed == []


async def test_check_a_tree_rebuilt_with_the_key_over_a_rewritten_history_shows_by_the_witness(core: Core) -> None:
    await sealed_lives(core)
    await execute(core, "UPDATE events SET source = 'erp' WHERE ONE", *REBUILT)
    assert await sealed(core, AT, blind=True) == 15
    kinds = {kind for kind, _ in (await report_of(core)).listed}
    assert kinds == {"tree_differs_from_witness", "checkpoint_missing"}


async def test_check_a_shorter_tree_and_a_lost_witness_are_found(core: Core) -> None:
    await sealed_lives(core)
    await execute(core, "DELETE FROM audit_leaves WHERE leaf >= 9")
    await execute(core, "DELETE FROM audit_checkpoints WHERE size > 9")
    await execute(core, "UPDATE audit_tiles SET hashes = substr(hashes, 1, 9 * 32)")
    listed = (await report_of(core)).listed
    assert ("tree_differs_from_witness", "checkpoint 15: leaves from 9 to 14 are not those that were sealed") in listed
    await execute(core, "DELETE FROM outbox WHERE topic = 'bus.audit'")
    await execute(core, "INSERT INTO audit_checkpoints SELECT 8, note, sealed_at FROM audit_checkpoints")
    assert ("not_witnessed", "checkpoint 8") in (await report_of(core)).listed


async def test_check_foreign_records_of_the_witness_are_named_and_hide_nothing(core: Core) -> None:
    await sealed_lives(core)
    producer = await start_producer(core.settings)
    await producer.send_and_wait(physical(core.settings.namespace, AUDIT), b"foreign", partition=0)
    await producer.stop()
    assert [one.kind for one in (await report_of(core)).listed] == ["witness_invalid"]


async def test_check_a_checkpoint_that_is_signed_meanwhile_is_not_missing(core: Core) -> None:
    await sealed_lives(core)

    @asynccontextmanager
    async def followed_by_another() -> AsyncIterator[Connection]:
        async with snapshot(core.pool) as connection:
            await connection.execute("SELECT FROM events")
            await live(core, range(5, 6))
            assert await sealed(core, AT + timedelta(minutes=4)) == 3
            yield connection

    async with open_reader(core.settings) as reader:
        witness = witness_of(reader, core.settings, core.codec)
        report = await check_audit(followed_by_another, KEY.public, witness, AUDIT)
    assert (report.listed, report.checkpoints, report.witnessed) == ([], 2, 2)


async def test_check_without_its_witness_says_that_kafka_is_away(core: Core) -> None:
    away = core.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    with pytest.raises(KafkaUnavailable):
        await checked(core.pool, away, core.codec, KEY.public)
