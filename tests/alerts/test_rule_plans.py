"""What rules read every few seconds, at 100,000 rows: by an index, whatever the table holds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from psycopg import AsyncCursor
from psycopg.rows import tuple_row

from bus.alert_catalogue import RULES
from bus.alerts.rules import deprecated_read
from bus.journey.expected_hops import read_expected
from bus.journey.hop_sources import SOURCES
from bus.journey.no_ticket import REFUSED_BY_NAME
from bus.journey.readings import read_readings
from bus.postgres.pool import Connection, Pool, connected
from schemas.deprecations import Deprecation
from schemas.topics import LOG, load_contract

ROWS = 100_000
FILLED = (
    """INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause,
        detail, attempts, failures, headers, value, began_at, died_at, state)
    SELECT 'delivery:erp', n::text, 'erp', 'T' || n, 1, 'Opened', '', 'rejected', 'rejected', 'c', '', 1, '[]', '[]',
        ''::bytea, now(), now(), CASE WHEN n % 1000 = 0 THEN 'open' ELSE 'discarded' END
    FROM generate_series(1, %s) n""",
    """INSERT INTO deliveries (target, ticket_id, version, state, enqueued_at, settled_at)
    SELECT 'erp', 'T' || n, 1, CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'done' END, now(), now()
    FROM generate_series(1, %s) n""",
    """INSERT INTO delivery_heads (target, ticket_id, version, next_at)
    SELECT 'erp', 'T' || n, 1, now() FROM generate_series(1, %s) n""",
    "INSERT INTO delivery_targets (target, failures, not_before) VALUES ('erp', 10, now())",
    """INSERT INTO outbox (shard, topic, ticket_id, version, published_at)
    SELECT n %% 6, 'ticket.events', 'T' || n, 1, CASE WHEN n < %s - 12 THEN now() END FROM generate_series(1, %s) n""",
    """INSERT INTO events SELECT 'T' || n, 1, gen_random_uuid(), '', gen_random_uuid(), '', 'crm', now(), now(), false,
        ''::bytea FROM generate_series(1, %s) n""",
    """INSERT INTO alert_messages (channel, begun_at, notices, sent_at)
    SELECT 'c' || n % 3, now() - n * interval '1 minute', 1, now() FROM generate_series(1, %s) n""",
    """INSERT INTO sla_clocks (ticket_id, clock, trace_id, limit_s, state, breached_at)
    SELECT 'T' || n, 'response', '', 60, 'done', CASE WHEN n % 10 = 0 THEN now() - n * interval '1 minute' END
    FROM generate_series(1, %s) n""",
    """INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state, looked_at)
    SELECT 'T' || n, 1, 'listed', 'projected', 'tickets', '{}', now(),
        CASE WHEN n % 1000 = 0 THEN 'missed' ELSE 'met' END, now() FROM generate_series(1, %s) n""",
    """INSERT INTO refused_inputs (origin, origin_ref, source, code, field, detail_zh, detail_en, body, headers,
        trace_id, ticket_id, lookups)
    SELECT 'webhook:crm', md5(n::text), 'crm', 'x', '', '', '', '', '[]', '', 'T' || n, ARRAY[md5(n::text)]
    FROM generate_series(1, %s) n""",
    """INSERT INTO source_minutes SELECT 'crm', date_trunc('minute', now()) - n * interval '1 minute'
    FROM generate_series(1, %s) n""",
    """INSERT INTO topic_minutes SELECT 'ticket.assign', date_trunc('minute', now()) - n * interval '1 minute'
    FROM generate_series(1, %s) n""",
    "INSERT INTO topic_ends (topic, written) VALUES ('ticket.assign', 100000)",
)
BIG = {
    "expectations",
    "letters",
    "deliveries",
    "delivery_heads",
    "outbox",
    "refused_inputs",
    "events",
    "alert_messages",
    "sla_clocks",
    "source_minutes",
    "topic_minutes",
}


@pytest.fixture(scope="module")
async def filled(pool: Pool) -> Pool:
    """Give a database whose large tables are large."""
    async with connected(pool) as connection:
        for query in FILLED:
            counted = query.replace(" % ", " %% ")
            await connection.execute(counted.encode(), [ROWS] * counted.count("%s"))
    async with pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("ANALYZE")
        await connection.set_autocommit(False)
    return pool


class Explained(AsyncCursor[Any]):
    """A cursor that has PostgreSQL explain each query before it runs."""

    plans: list[Any]

    async def execute(self, query: Any, params: Any = None, **how: Any) -> Any:
        """Explain, then execute."""
        text = query if isinstance(query, bytes) else query.encode()
        async with AsyncCursor(self.connection, row_factory=tuple_row) as cursor:
            await cursor.execute(b"EXPLAIN (FORMAT JSON) " + text, params)
            Explained.plans += [row[0][0]["Plan"] for row in await cursor.fetchall()]
        return await super().execute(query, params, **how)


def going() -> Deprecation:
    """Deprecate a topic."""
    since = date(2026, 1, 1)
    return Deprecation(what="ticket.parts", since=since, until=date(2027, 1, 1), instead="ticket.events", why="a test")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from _nodes(one)


async def _plans(connection: Connection, rule: str) -> Sequence[dict[str, Any]]:
    Explained.plans, before = [], connection.cursor_factory
    connection.cursor_factory = Explained
    try:
        await RULES[rule].read(connection)
    finally:
        connection.cursor_factory = before
    return Explained.plans


@pytest.mark.parametrize("rule", RULES)
async def test_rule_plans_no_rule_reads_a_whole_large_table(
    filled: Pool, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        deprecated_read, "announced", lambda: (load_contract(), [going()])
    )  # else it has nothing to read
    async with connected(filled) as connection:
        plans = await _plans(connection, rule)
    assert plans, "it reads"
    whole = [one["Relation Name"] for plan in plans for one in _nodes(plan) if one["Node Type"] == "Seq Scan"]
    assert not BIG & {*whole}, rule


async def test_rule_plans_neither_does_a_journey_whatever_it_is_asked_for(filled: Pool) -> None:
    asked: dict[str, Any] = {"ticket": "T77", "tickets": ["T77"], "traces": ["x"], "most": 100, "log": LOG}
    asked |= {"records": "t", "assignee": "", "after": 0, "events": 200, "bytes": 10_000, "now": datetime.now(UTC)}
    names = {"lookups": ["x"], "refs": ["x"]}
    async with connected(filled) as connection:
        Explained.plans, before = [], connection.cursor_factory
        connection.cursor_factory = Explained
        try:
            for source in SOURCES:
                await connection.execute(source.query.encode(), asked)
            await read_readings(connection, {"tickets": "projections"}, asked)
            await read_expected(connection, asked, asked["now"])
            await connection.execute(REFUSED_BY_NAME.encode(), names)
        finally:
            connection.cursor_factory = before
        nodes = [one for plan in Explained.plans for one in _nodes(plan)]
    whole = [one["Relation Name"] for one in nodes if one["Node Type"] == "Seq Scan"]
    assert sorted(BIG & {*whole}) == []
    by_key = [
        str(one["Index Cond"]) for one in nodes if one.get("Index Name") == "deliveries_pkey" and "Index Cond" in one
    ]
    assert [one for one in by_key if "ticket_id" in one]
    assert not [one for one in by_key if "ticket_id" in one and "target" not in one], "that reads the whole index"
