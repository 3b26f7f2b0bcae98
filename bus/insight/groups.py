"""Parts of what is measured that are judged by themselves: product batches (R32), and causes that repeat (R22)."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Final, LiteralString

from bus.insight.metric import Judgement, MetricWindow, judge
from bus.insight.metrics.recurrence import RECURRENCE
from bus.insight.task import SeenFigure, TaskKey
from bus.postgres.pool import Connection, read_rows

REPEATS_MIN: Final = 3
REPEATS_BACK: Final = 1  # so few are no repetition any more
BATCH_HELD: Final = "product_batch_held"
IMPROVEMENT: Final = "improvement"
REPEATS: Final = "repeated-cause"
TICKETS_MAX: Final = 100
_BATCHES: Final[LiteralString] = """
SELECT '' AS root_cause, t.product, t.batch, sum(c.units)::int AS units, sum(c.hits)::int AS hits,
    coalesce((array_agg(c.subject ORDER BY c.subject) FILTER (WHERE c.hits > 0))[1:%(most)s], '{}') AS tickets
FROM ({cases}) c JOIN ticket_outcomes t ON t.ticket_id = c.subject
WHERE c.known AND t.batch <> '' GROUP BY t.product, t.batch"""
_REPEATS: Final[LiteralString] = """
SELECT root_cause, product, batch, count(*)::int AS units, count(*)::int AS hits,
    (array_agg(ticket_id ORDER BY resolved_at, ticket_id))[1:%(most)s] AS tickets
FROM ticket_outcomes WHERE resolved_at >= %(since)s AND resolved_at < %(until)s AND root_cause <> ''
GROUP BY root_cause, product, batch HAVING count(*) > %(back)s"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeGroup:
    """Tickets of one product and batch, of one root cause where that is asked: how many, and which of them count."""

    root_cause: str
    product: str
    batch: str
    units: int
    hits: int
    tickets: list[str]


async def held_batches(
    connection: Connection, window: MetricWindow, over_already: Collection[TaskKey]
) -> Sequence[SeenFigure]:
    """Judge the recurrence of each product batch as that of all is judged, its few cases as well."""
    query = _BATCHES.replace("{cases}", RECURRENCE.cases)
    found = await read_rows(connection, query, OutcomeGroup, {**asdict(window), "most": TICKETS_MAX})
    return [batch_seen(one, window, over_already) for one in found]


async def repeated_causes(
    connection: Connection, window: MetricWindow, over_already: Collection[TaskKey]
) -> Sequence[SeenFigure]:
    """Count each root cause by product and batch, an imported history's too."""
    asked = {"since": window.since, "until": window.until, "most": TICKETS_MAX, "back": REPEATS_BACK}
    found = await read_rows(connection, _REPEATS, OutcomeGroup, asked)
    return [repeat_seen(one, window, over_already) for one in found]


def batch_seen(group: OutcomeGroup, window: MetricWindow, over_already: Collection[TaskKey]) -> SeenFigure:
    """Judge a batch. Pure."""
    key = TaskKey(BATCH_HELD, _about(group))
    was = Judgement.OVER if key in over_already else Judgement.OK
    over = {Judgement.OVER: True, Judgement.OK: False, Judgement.TOO_FEW: None}
    return _seen(key, group, window, over=over[judge(RECURRENCE, group.units, group.hits, was=was)])


def repeat_seen(group: OutcomeGroup, window: MetricWindow, over_already: Collection[TaskKey]) -> SeenFigure:
    """Judge a cause of a product and batch: over from the third time on, until it comes once at most. Pure."""
    key = TaskKey(IMPROVEMENT, _about(group))
    needed = REPEATS_BACK + 1 if key in over_already else REPEATS_MIN
    return _seen(key, group, window, over=group.hits >= needed)


def _about(group: OutcomeGroup) -> str:
    return " / ".join(filter(None, (group.root_cause, group.product, group.batch)))


def _seen(key: TaskKey, group: OutcomeGroup, window: MetricWindow, *, over: bool | None) -> SeenFigure:
    return SeenFigure(
        key=key,
        metric=RECURRENCE.name if key.kind == BATCH_HELD else REPEATS,
        units=group.units,
        hits=group.hits,
        since=window.since,
        until=window.until,
        over=over,
        tickets=tuple(group.tickets),
        product=group.product,
        batch=group.batch,
    )
