"""Metrics of a month of 300,000 tickets, among two other months: each costs PostgreSQL 2 or 3 s of one core at most."""

from datetime import UTC, datetime, timedelta

import psutil
import pytest

from bus.insight.figures import read_cases, read_figure
from bus.insight.metric import Metric, window_of
from bus.insight.metrics.recurrence import RECURRENCE
from bus.insight.registry import METRICS
from bus.postgres.pool import Pool, connected
from tests.insight.rounds import queued, round_at
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
MONTH, WINDOW = 300_000, timedelta(minutes=15)
LIMIT_S, RECURRENCE_LIMIT_S = 2.0, 3.0
ROUND_LIMIT_S = 12.0
# One in five devices and one in four customers comes again within three months; 3 % ask twice, 1 % are closed by two.
FILLED = """
INSERT INTO ticket_outcomes (ticket_id, version, historic, source, type, serial, key_kind, key, opened_at, resolved_at,
    root_cause, closed_at, reopened_at, handlers, handlers_unknown, visits, sent_back, asked, joined_number, joined_key,
    joined_elsewhere, product, batch, region, priority, handler, taken_at, unsolved, lacks_work, near_deadline,
    knowledge)
SELECT 'T' || n, 9, false, 'crm', 'type-' || n % 8, CASE WHEN n % 4 = 0 THEN '' ELSE 'SN-' || hashint4(n) % 700000 END,
    CASE WHEN n % 3 = 0 THEN 'phone' ELSE 'order' END, CASE WHEN n % 3 = 0 THEN '' ELSE 'O-' || n % 890000 END,
    opened_at, opened_at + interval '20 hours', 'cause-' || (n % 23) * (n % 5) % 23,
    CASE WHEN n % 50 > 0 THEN opened_at + interval '1 day' END,
    CASE WHEN n % 90 = 1 THEN opened_at + interval '3 days' END,
    CASE WHEN n % 100 = 1 THEN ARRAY['a', 'b'] ELSE ARRAY['a'] END, false, n % 2, (n % 70 = 1)::int,
    CASE WHEN n % 33 = 1 THEN 2 ELSE 0 END, (n % 40 = 1)::int, (n % 60 = 1)::int, (n % 80 = 1)::int,
    'product-' || n % 40, 'B-' || n % 400, 'region-' || n % 12, 'P' || n % 3, 'handler-' || n % 900,
    opened_at + interval '1 hour', n % 70 = 3, n % 30 = 3, n % 10 < 2,
    CASE WHEN n % 3 = 1 THEN ARRAY['KB-1'] ELSE '{}' END
FROM (SELECT n, now() - n * interval '90 days' / %(tickets)s AS opened_at FROM generate_series(1, %(tickets)s) n) t"""
PHONES = """
INSERT INTO ticket_phones SELECT DISTINCT md5((hashint4(n + 7) %% 800000)::text), 'T' || n
FROM generate_series(1, %(tickets)s) n WHERE n %% 5 > 0"""
EXPECTED = """
INSERT INTO expectations (ticket_id, version, expectation, hop, place, voided_by, due_at, state, settled_at)
SELECT 'T' || n, 1, 'listed', 'projected', 'tickets', '{}', now() - n * interval '90 days' / %(tickets)s,
    CASE WHEN n %% 5000 = 0 THEN 'late' ELSE 'met' END, now() FROM generate_series(1, %(tickets)s / 3) n"""
CLOSURES = """
INSERT INTO ticket_closures SELECT ticket_id, 9, false, ARRAY['rejected', 'confirmed'], ARRAY['noise', 'page'],
    ARRAY[closed_at - interval '1 hour', closed_at], closed_at, '{}' FROM ticket_outcomes WHERE closed_at IS NOT NULL"""
ARTICLE = """
INSERT INTO knowledge_articles VALUES (1, 'T1', 1, 'filed', '{}', '', now(), now(), now(), 'x')"""
LETTERS = """
INSERT INTO letters (origin, origin_ref, target, ticket_id, version, event, trace_id, reason, kind, cause, detail,
    attempts, failures, headers, value, died_at, began_at, state)
SELECT 'delivery:erp', n::text, 'erp', 'T' || n, 1, '', '', 'x', 'x', 'x', '', 1, '[]', '[]', '', now(), now(), 'open'
FROM generate_series(1, 23000) n"""


@pytest.fixture(scope="module")
async def filled(pool: Pool) -> Pool:
    """Give a database with three months of tickets."""
    asked = {"tickets": 3 * MONTH}
    async with connected(pool) as connection:
        await connection.execute(FILLED.replace(" % ", " %% ").encode(), asked)
        for query in (PHONES, EXPECTED):
            await connection.execute(query.encode(), asked)
        await connection.execute(LETTERS.encode())
        await connection.execute(ARTICLE.encode())
        await connection.execute(CLOSURES.encode())
    async with pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE ticket_outcomes, ticket_phones, expectations, letters")
        await connection.set_autocommit(False)
    return pool


async def test_month_a_whole_round_takes_twelve_seconds_of_one_core_at_most(filled: Pool) -> None:
    async with connected(filled) as connection:
        await round_at(connection, datetime.now(UTC)).judge()  # the first one opens thousands of tasks
    async with connected(filled) as connection:
        await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        server = psutil.Process(connection.info.backend_pid)
        began = server.cpu_times()
        await round_at(connection, datetime.now(UTC)).judge()
        ended = server.cpu_times()
    spent_s = ended.user + ended.system - began.user - began.system
    opened = {key.split(":")[0] for key, _ in await queued(filled)}
    print(f"a round: {spent_s:.2f} s of one core, {len(opened)} kinds of tasks")
    assert {"product_batch_held", "improvement"} <= opened
    assert 0 < spent_s < ROUND_LIMIT_S


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
async def test_month_each_metric_takes_two_or_three_seconds_of_one_core(filled: Pool, metric: Metric) -> None:
    window = window_of(metric, datetime.now(UTC), WINDOW, since=None, until=None)
    async with connected(filled) as connection:
        await connection.execute("SET max_parallel_workers_per_gather = 0")
        server = psutil.Process(connection.info.backend_pid)
        began = server.cpu_times()
        figure = await read_figure(connection, metric, window)
        read = server.cpu_times()
        cases = await read_cases(connection, metric, window, most=100)
    spent_s = read.user + read.system - began.user - began.system
    print(f"{metric.name}: {figure.hits:,} of {figure.units:,} in {spent_s:.2f} s of one core")
    assert figure.units + figure.left_out >= MONTH * (0.17 if metric.name == "deadline-reopened" else 0.9)
    assert len(cases) == 100
    assert 0 < spent_s < (RECURRENCE_LIMIT_S if metric is RECURRENCE else LIMIT_S)
