"""Metrics on the real incident log, against an oracle that reads the same file in plain Python (R27)."""

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from bus.domain.events import TicketOpened
from bus.insight.figures import read_cases, read_figure
from bus.insight.metric import MetricWindow
from bus.insight.metrics.first_time_fix import FIRST_TIME_FIX
from bus.insight.registry import METRICS
from bus.postgres.pool import Pool, connected
from projections.read_model import Written
from projections.ticket_outcomes import project, write
from tests.history.oracle import read_rows
from tests.history.uci import ROOT, Bus
from tests.insight.oracle import closures
from tests.projections.told import folded
from tests.store.conftest import database, pool

__all__ = ["database", "pool"]
SAMPLE = ROOT / "tests" / "data" / "uci_sample.csv.gz"
PUT = "INSERT INTO ticket_outcomes SELECT * FROM json_populate_recordset(null::ticket_outcomes, %s::json)"
MINUTES = timedelta(minutes=15)


def window(since: datetime, until: datetime) -> MetricWindow:
    """Look at a time."""
    return MetricWindow(since=since, until=until, dedupe_window=MINUTES)


EVER = window(datetime(2015, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC))
APRIL = window(datetime(2016, 4, 1, tzinfo=UTC), datetime(2016, 5, 1, tzinfo=UTC))


async def kept(pool: Pool, file: Path) -> dict[str, str]:
    """Import a log and keep its outcomes; gives the incident of each ticket."""
    bus, numbers, rows = Bus(), dict[str, str](), list[Written]()
    await bus.take(gzip.decompress(file.read_bytes()).splitlines(keepends=True))
    for ticket_id, log in bus.store.log.items():
        assert isinstance(log[0].event, TicketOpened)
        numbers[ticket_id] = log[0].event.source_no
        row = folded(project, log)
        assert row is not None
        rows += write(None, row)["ticket_outcomes"]
    async with connected(pool) as connection:
        await connection.execute("TRUNCATE ticket_outcomes")
        await connection.execute(PUT, (orjson.dumps(rows).decode(),))
    return numbers


async def agreed(pool: Pool, file: Path, windows: Iterable[MetricWindow]) -> list[tuple[int, int, int]]:
    """Hold the metrics against the oracle; gives denominator, numerator and what is left out, by window."""
    numbers, found = await kept(pool, file), closures(read_rows(file))
    figures = []
    async with connected(pool) as connection:
        for one in windows:
            within = [each for each in found if one.since <= each.closed_at < one.until]
            known = [each for each in within if each.known]
            figure = await read_figure(connection, FIRST_TIME_FIX, one)
            fixed = await read_cases(connection, FIRST_TIME_FIX, one, most=100_000)
            rest = await read_cases(connection, FIRST_TIME_FIX, one, most=100_000, hits=False)
            assert {numbers[each.subject] for each in fixed} == {each.number for each in known if each.fixed}
            assert {numbers[each.subject] for each in rest} == {each.number for each in known if not each.fixed}
            assert (figure.units, figure.hits, figure.left_out) == (len(known), len(fixed), len(within) - len(known))
            assert sum(figure.causes.values()) == len(rest)
            figures.append((figure.units, figure.hits, figure.left_out))
        for metric in METRICS:  # the log tells of no root causes, of nobody who asked, and of no other system
            figure = await read_figure(connection, metric, EVER)
            if metric is not FIRST_TIME_FIX:
                opened = {"chase", "cross-system-failure", "duplicates", "customer-tickets"}
                assert (figure.units, figure.hits) == (0, 0), metric.name
                assert metric.name not in opened or figure.left_out == len(numbers), metric.name
    return figures


async def test_real_log_the_sample_agrees_with_the_oracle(pool: Pool) -> None:
    whole, april = await agreed(pool, SAMPLE, [EVER, APRIL])
    assert whole[0] > april[0] > 0
    assert whole[2] > 0, "some incidents have a handler that the log does not name"


@pytest.mark.faults
async def test_real_log_the_full_data_agrees_with_the_oracle(pool: Pool, full_data: Path) -> None:
    whole, april = await agreed(pool, full_data, [EVER, APRIL])
    print(f"first-time fix: {whole[1]:,} of {whole[0]:,}, left out {whole[2]:,}; April 2016: {april}")
    assert sum(whole[::2]) > 12_000
