"""What is kept has a limit: grown for real, deleted in small batches that hold up nobody, and shown."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from bus.alerts.alert import Alert
from bus.domain.errors import MalformedInput
from bus.local.stack import Urls
from bus.postgres import retention
from bus.postgres.pool import Pool, connected, open_pool
from bus.postgres.retention import BATCH, TABLES, days_kept, delete_batch, delete_old_rows, storage
from bus.settings import SettingsInvalid
from bus.wire.rejected_input import refused_input
from deadletter.rejected_inputs import PostgresRejectedInputs
from tests.bus_under_test import eventually
from tests.databases import KEYS, drop_database, make_database
from tests.schemas.codecs import CODEC

ROWS = 200_000
GROW = """
INSERT INTO pushes
SELECT 'T' || n, 1, 'ticket.assign', 'c', now() - make_interval(days => CASE WHEN n <= %s THEN 31 ELSE 29 END)
FROM generate_series(1, %s) n"""
LETTER = """
INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause, detail,
                     attempts, failures, headers, value, died_at, began_at, state)
SELECT 'http', 'r' || n, '', '', 0, '', '', 'x', 'x', 'x', 'x', 1, '[]', '{}', '', %s, %s, %s
FROM generate_series(%s::int, %s::int) n RETURNING id"""

STATES = """alert_channels alert_notices alert_rounds clients audit_checkpoints audit_leaves audit_pending audit_tiles
    consumer_readings consumers delivery_heads delivery_targets delivery_versions device_history disk_samples disks
     notice_refusals audit_refusal topic_ends earlier_tickets verified_backup source_maps source_cursors sensor_news
     archived_months archived_sources
    events expectation_limits file_store hosts letter_decisions letters_to_publish log_verifications names_spelled
     outside_alerts probes privacy_migration privacy_reads redrives registered_schemas registry_checks rollout_tickets
     sla_clocks sla_tickets source_lists stage_batches stage_offsets ticket_names ticket_phones ticket_states tickets
     target_lists topic_checks people ticket_outcomes ticket_closures insight_tasks metric_judgements
     knowledge_articles knowledge_pool knowledge_terms knowledge_versions"""
"""Tables of what is so now or is kept for ever, or whose rows go with others."""
PUBLISHED = """
INSERT INTO outbox (shard, topic, ticket_id, version, published_at) VALUES (0, %s, 'T', 1, %s) RETURNING id"""
PUSHED = b"INSERT INTO pushes VALUES ('N' || %s, 1, 'ticket.assign', 'c', now())"
DECIDED = """
INSERT INTO letter_decisions (letter, decision, decided_by, decided_why, decided_at)
VALUES (%s, 'retried', 'x', 'y', %s) RETURNING id"""


@pytest.fixture
async def own(parts: Urls) -> AsyncIterator[Pool]:
    """Give a database of the test's own."""
    name = f"kept_{datetime.now(UTC):%H%M%S%f}"
    url = await asyncio.to_thread(make_database, parts, name)
    async with open_pool(url, size=4) as pool:
        yield pool
    await asyncio.to_thread(drop_database, parts, name)


async def ask(pool: Pool, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    async with connected(pool) as connection:
        return await (await connection.execute(query.encode(), parameters)).fetchall()


async def test_retention_of_many_rows_goes_in_batches_and_holds_up_nobody(
    own: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(own) as connection:
        await connection.execute(GROW.encode(), (ROWS, ROWS + 100))
    batches = list[int]()
    delete = retention.delete_batch

    async def counted(pool: Pool, table: str, days: int) -> int:
        batches.append(await delete(pool, table, days))
        return batches[-1]

    monkeypatch.setattr(retention, "delete_batch", counted)
    deleting = [asyncio.create_task(delete_old_rows(own, days_kept({}))) for _ in range(2)]
    written = 0

    async def gone() -> bool:
        nonlocal written
        async with connected(own) as connection:  # whoever writes meanwhile waits for no lock
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            await connection.execute(
                b"INSERT INTO pushes VALUES ('N' || %s, 1, 'ticket.assign', 'c', now())", (written,)
            )
            await connection.execute(b"UPDATE pushes SET pushed_at = pushed_at WHERE ticket_id = 'T200050'")
        written += 1
        return await ask(own, "SELECT count(*) FROM pushes WHERE pushed_at < now() - interval '30 days'") == [(0,)]

    await eventually(gone)
    for task in deleting:
        task.cancel()
    await asyncio.wait(deleting)
    assert max(batches) == BATCH
    assert sum(batches) == ROWS
    assert written > 1
    assert await ask(own, "SELECT count(*) FROM pushes WHERE ticket_id LIKE 'T%%'") == [(100,)]


async def test_retention_of_letters_spares_what_is_open_or_lately_decided_or_referred_to(own: Pool) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=400)

    async def letters(first: int, last: int, state: str) -> list[int]:
        return [number for (number,) in await ask(own, LETTER, old, old, state, first, last)]

    (_, late, copied), _ = await letters(1, 3, "retried"), await letters(4, 5, "open")
    (copy,) = await letters(6, 6, "open")
    for number in (1, 2, 3):
        await ask(own, DECIDED, number, old)
    await ask(own, DECIDED, late, now)
    await ask(own, "UPDATE letters SET edited_from = %s WHERE id = %s RETURNING 1", copied, copy)
    assert await delete_batch(own, "letters", TABLES["letters"].days) == 1
    assert [n for (n,) in await ask(own, "SELECT id FROM letters ORDER BY id")] == [2, 3, 4, 5, 6]
    assert await ask(own, "SELECT count(*) FROM letter_decisions WHERE letter = 1") == [(0,)]


async def test_retention_of_the_outbox_spares_what_waits_and_where_events_stand_on_the_log(own: Pool) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=91)
    rows = [("ticket.assign", old), ("ticket.events", old), ("ticket.assign", None), ("ticket.assign", now)]
    numbers = [(await ask(own, PUBLISHED, *row))[0][0] for row in rows]
    shown = {one.table: one for one in await storage(own, days_kept({}))}["outbox"]
    assert (shown.oldest, shown.days) == (old, 90)
    assert await delete_batch(own, "outbox", 90) == 1
    assert [n for (n,) in await ask(own, "SELECT id FROM outbox ORDER BY id")] == numbers[1:]
    async with connected(own) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        asked = b"EXPLAIN SELECT id FROM outbox WHERE published_at < now() AND topic <> 'ticket.events'"
        plan = await (await connection.execute(asked)).fetchall()
    assert any("outbox_published" in line for (line,) in plan)


async def test_retention_is_shown_and_set_by_table(own: Pool) -> None:
    async with connected(own) as connection:
        await connection.execute(GROW.encode(), (10, 20))
    days = days_kept({"pushes": 7})
    shown = {one.table: one for one in await storage(own, days)}
    assert (shown["pushes"].rows, shown["pushes"].days, shown["events"].days) == (20, 7, None)
    assert shown["pushes"].bytes > 0
    assert shown["pushes"].oldest is not None
    assert await delete_batch(own, "pushes", 7) == 20
    with pytest.raises(SettingsInvalid, match="'events' is not kept by days; there are pushes"):
        days_kept({"events": 1})


async def test_retention_every_table_has_one_or_needs_none(own: Pool) -> None:
    stored = {one.table for one in await storage(own, {})}
    assert stored - TABLES.keys() - {"schema_migrations"} <= {*STATES.split()}, "say for how long its rows are kept"


async def test_retention_every_table_s_statement_runs(own: Pool) -> None:
    for table, kept in TABLES.items():
        assert await delete_batch(own, table, kept.days) == 0


async def test_retention_of_refused_input_has_a_share_a_day_for_each_client(own: Pool) -> None:
    now, found = datetime(2026, 11, 28, 23, 59, tzinfo=UTC), list[Alert]()
    store = PostgresRejectedInputs(own, CODEC.encode_record, KEYS, now=lambda: now, report=found.append)
    store._cap.per_day = 3
    refusal = MalformedInput("x", "x", "x", "x")

    async def come(source: str, *, heard: bool) -> int:
        made = [
            refused_input(refusal, origin="http", origin_ref=uuid4().hex, source=source, body=b"", trace_id="")
            for _ in range(5)
        ]
        await store.keep([replace(one, heard=heard) for one in made])
        return int((await ask(own, "SELECT count(*) FROM refused_inputs WHERE source = %s", source))[0][0])

    assert await come("crm", heard=True) == 3
    assert await come("erp", heard=True) == 3
    assert await come("crm", heard=False) == 8  # its sender heard nothing: all of it is kept
    now += timedelta(minutes=2)
    assert await come("crm", heard=True) == 11
