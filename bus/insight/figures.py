"""Reads the figure of a metric, and the cases that it consists of."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import LiteralString

from bus.insight.metric import Judgement, Metric, MetricFigure, MetricWindow, judge
from bus.postgres.pool import Connection, read_rows

_SUMS: LiteralString = """
SELECT cause, known, sum(units)::int AS units, sum(hits)::int AS hits FROM ({cases}) cases GROUP BY cause, known"""
_CASES: LiteralString = """
SELECT subject, cause FROM ({cases}) cases WHERE known AND (hits > 0) = %(hits)s
GROUP BY subject, cause ORDER BY subject, cause LIMIT %(most)s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sum:
    cause: str
    known: bool
    units: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCase:
    """A case of a metric: its ticket, or the letter of none, and its cause."""

    subject: str
    cause: str


async def read_figure(
    connection: Connection, metric: Metric, window: MetricWindow, *, over: bool = False
) -> MetricFigure:
    """Read and judge a metric within a time; `over`: it was over before."""
    rows = await read_rows(connection, _over(_SUMS, metric), _Sum, asdict(window))
    return figure_of(metric, window, rows, was=Judgement.OVER if over else Judgement.OK)


def figure_of(metric: Metric, window: MetricWindow, rows: Sequence[_Sum], *, was: Judgement) -> MetricFigure:
    """Add up what was read, and judge it. Pure."""
    known = [one for one in rows if one.known]
    units, hits = sum(one.units for one in known), sum(one.hits for one in known)
    good = metric.threshold is not None and metric.threshold.below  # then the rest is what has causes
    causes = Counter({one.cause: one.units - one.hits if good else one.hits for one in known})
    return MetricFigure(
        metric=metric.name,
        since=window.since,
        until=window.until,
        units=units,
        hits=hits,
        left_out=sum(one.units for one in rows if not one.known),
        causes={cause: count for cause, count in sorted(causes.items(), key=lambda one: (-one[1], one[0])) if count},
        judgement=judge(metric, units, hits, was=was),
    )


async def read_cases(
    connection: Connection, metric: Metric, window: MetricWindow, *, most: int, hits: bool = True
) -> Sequence[MetricCase]:
    """Read so many cases of the numerator by number, or of the rest of what is known."""
    asked = {**asdict(window), "most": most, "hits": hits}
    return await read_rows(connection, _over(_CASES, metric), MetricCase, asked)


def _over(query: LiteralString, metric: Metric) -> LiteralString:
    return query.replace("{cases}", metric.cases)
