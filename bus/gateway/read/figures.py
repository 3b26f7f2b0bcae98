"""What the bus did lately, counted in steps of ten minutes from its own tables: for those who have no Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bus.postgres.pool import Pool, connected, read_rows

STEP: Final = timedelta(minutes=10)
HOURS_MAX: Final = 7 * 24
SERIES: Final = ("commands", "deliveries", "letters", "refused")
# Each by an index of its time. A bucket is named by its first moment.
_READ: Final[LiteralString] = """
SELECT series, date_bin(%(step)s, at, 'epoch') AS at, count(*) AS count FROM (
    SELECT 'commands' AS series, received_at AS at FROM commands WHERE received_at >= %(since)s
    UNION ALL SELECT 'deliveries', settled_at FROM deliveries WHERE settled_at >= %(since)s
    UNION ALL SELECT 'letters', died_at FROM letters WHERE died_at >= %(since)s
    UNION ALL SELECT 'refused', last_at FROM refused_inputs WHERE last_at >= %(since)s) counted
GROUP BY 1, 2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """How many there were of a series from a moment on, for ten minutes."""

    series: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """The moments from the first to the last, ten minutes apart, and of each series a count at each of them."""

    times: Sequence[datetime]
    series: dict[str, list[int]]


async def read_figures(pool: Pool, now: datetime, hours: int) -> DayFigures:
    """Count the last hours; the last step is not over yet. Raises StoreUnavailable."""
    first, last = window(now, hours)
    async with connected(pool) as connection:
        rows = await read_rows(connection, _READ, FigureRow, {"step": STEP, "since": first})
    return spread(rows, first, last)


def window(now: datetime, hours: int) -> tuple[datetime, datetime]:
    """Give the first step of the hours before a moment, and the last, which is not over yet. Pure."""
    last = now - (now - datetime.fromtimestamp(0, now.tzinfo)) % STEP
    return last - timedelta(hours=hours) + STEP, last


def spread(rows: Sequence[FigureRow], first: datetime, last: datetime) -> DayFigures:
    """Give a count for each step, 0 where there is no row. Pure."""
    times = [first + STEP * n for n in range((last - first) // STEP + 1)]
    counted = {(one.series, one.at): one.count for one in rows}
    return DayFigures(times=times, series={name: [counted.get((name, at), 0) for at in times] for name in SERIES})
