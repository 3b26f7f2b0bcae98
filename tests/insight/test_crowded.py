"""A placeholder as serial number, phone or key of thousands of tickets is no more work than other tickets are."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.insight.figures import read_figure
from bus.insight.metric import Metric, window_of
from bus.insight.metrics.duplicates import DUPLICATES
from bus.insight.metrics.recurrence import RECURRENCE
from bus.postgres.pool import Pool, connected
from tests.insight.rounds import DEDUPE, fill, outcome
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
TICKETS = 10_000
PHONES = "INSERT INTO ticket_phones SELECT 'one phone', ticket_id FROM ticket_outcomes"


@pytest.fixture
async def crowded(pool: Pool) -> Pool:
    """Give a month of tickets that are all of one device, one customer and one cause."""
    begun = datetime.now(UTC) - timedelta(days=29)
    same = {"serial": "SN-0000", "key": "O-0", "root_cause": "power_supply"}
    rows = [outcome(n, opened_at=begun + timedelta(minutes=4 * n), **same) for n in range(TICKETS)]
    await fill(pool, rows)
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE ticket_phones")
        await connection.execute(PHONES)
    return pool


def handled(plan: Mapping[str, Any]) -> float:
    """Give how many rows the busiest step of a plan handled."""
    own: float = sum(
        plan.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    )
    return max([own * float(plan["Actual Loops"]), *map(handled, plan.get("Plans", ()))])


@pytest.mark.parametrize("metric", [RECURRENCE, DUPLICATES], ids=lambda metric: metric.name)
async def test_crowded_tickets_of_one_placeholder_are_not_compared_pair_by_pair(crowded: Pool, metric: Metric) -> None:
    """Pair by pair these took PostgreSQL 24 s, and 15 s are all that a gateway waits."""
    window = window_of(metric, datetime.now(UTC), DEDUPE, since=None, until=None)
    async with connected(crowded) as connection:
        figure = await read_figure(connection, metric, window)
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {metric.cases}".encode()
        [([explained],)] = await (await connection.execute(explain, asdict(window))).fetchall()
    assert handled(explained["Plan"]) < 8 * TICKETS
    assert figure.hits > TICKETS - 20, "each comes again but those of the first hour"
