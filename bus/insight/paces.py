"""Who is fast because of picking easy tickets (R34): each engineer against the others, all in all and like for like."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp
from typing import Final, LiteralString

from bus.insight.interval import Interval, Sample, ratio_interval
from bus.insight.metric import CASES_MIN, MetricWindow
from bus.insight.task import SeenFigure, TaskKey
from bus.insight.task_store import TICKETS_MAX
from bus.postgres.pool import Connection, read_rows

EASY_TICKETS: Final = "easy_tickets"
PACE: Final = "pace"
FASTER: Final = 0.6  # of the others' time, or less: 40 % faster
_READ: Final[LiteralString] = """
WITH solved AS (
    SELECT handler, ticket_id, ARRAY[type, region, priority] AS kind,
        ln(greatest(extract(epoch FROM resolved_at - taken_at)::float8, 60)) AS took
    FROM ticket_outcomes
    WHERE resolved_at >= %(since)s AND resolved_at < %(until)s AND handler <> '' AND taken_at <= resolved_at
        AND reopened_at IS NULL)
SELECT handler, kind, count(*)::int AS count, sum(took) AS total, sum(took * took) AS squares,
    (array_agg(ticket_id ORDER BY ticket_id))[1:%(most)s] AS tickets
FROM solved GROUP BY handler, kind"""
Kind = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerTimes:
    """Logarithms of the seconds that an engineer took from the assignment to the solution, of one kind of ticket.

    `tickets`: the first hundred of them.
    """

    handler: str
    kind: list[str]
    count: int
    total: float
    squares: float
    tickets: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """An engineer's time as a share of the others', with its interval: of all tickets, and within each kind.

    `compared`: how many tickets others had of their kind too; `easier`: how many of them take others less than most,
    and `easy` the first hundred of these.
    """

    handler: str
    tickets: int
    ratio: float
    interval: Interval
    like_for_like: float
    like_interval: Interval
    compared: int
    easier: int
    easy: tuple[str, ...]

    @property
    def picks_easy(self) -> bool:
        """Say whether 40 % faster at first sight, beyond chance, and by less of the same kind of ticket."""
        return self.ratio <= FASTER and self.interval.high < 1 and self.like_interval.low > self.ratio


async def easy_pickers(
    connection: Connection, window: MetricWindow, over_already: Collection[TaskKey]
) -> Sequence[SeenFigure]:
    """Compare the engineers of a time; who has too few tickets stays as they were."""
    asked = {"since": window.since, "until": window.until, "most": TICKETS_MAX}
    rows = await read_rows(connection, _READ, HandlerTimes, asked)
    found = [_seen(one, window.since, window.until) for one in paces(rows)]
    judged = {one.key for one in found}
    return [*found, *(_unknown(key, window) for key in over_already if key.kind == EASY_TICKETS and key not in judged)]


def paces(rows: Iterable[HandlerTimes]) -> Sequence[Pace]:
    """Compare each engineer who has tickets enough, with others who have. Pure."""
    own, named = defaultdict[str, dict[Kind, Sample]](dict), defaultdict[str, dict[Kind, Sequence[str]]](dict)
    for row in rows:
        named[row.handler][tuple(row.kind)] = row.tickets
        own[row.handler][tuple(row.kind)] = Sample(count=row.count, total=row.total, squares=row.squares)
    return [pace for handler in sorted(own) if (pace := _pace(handler, own, named[handler]))]


def _pace(handler: str, own: Mapping[str, Mapping[Kind, Sample]], named: Mapping[Kind, Sequence[str]]) -> Pace | None:
    mine = own[handler]
    theirs = defaultdict[Kind, list[Sample]](list)
    for name, kinds in own.items():
        for kind, sample in kinds.items() if name != handler else ():
            theirs[kind].append(sample)
    others = {kind: _sum(samples) for kind, samples in theirs.items()}
    shared = {kind: sample for kind, sample in mine.items() if kind in others}
    compared = sum(one.count for one in shared.values())
    if not others or min(compared, sum(one.count for one in others.values())) < CASES_MIN:
        return None
    all_mine, all_others = _sum(mine.values()), _sum(others.values())
    difference = all_mine.mean - all_others.mean
    variance = _variance(all_mine) / all_mine.count + _variance(all_others) / all_others.count
    like = sum(one.count / compared * (one.mean - others[kind].mean) for kind, one in shared.items())
    residual = _residual([*shared.values(), *(others[kind] for kind in shared)])
    weights = ((one.count / compared, one.count, others[kind].count) for kind, one in shared.items())
    like_variance = sum(weight**2 * residual * (1 / count + 1 / more) for weight, count, more in weights)
    easier = [kind for kind in shared if others[kind].mean < all_others.mean]
    return Pace(
        handler=handler,
        tickets=all_mine.count,
        ratio=exp(difference),
        interval=ratio_interval(difference, variance),
        like_for_like=exp(like),
        like_interval=ratio_interval(like, like_variance),
        compared=compared,
        easier=sum(shared[kind].count for kind in easier),
        easy=tuple(sorted(ticket for kind in easier for ticket in named[kind])[:TICKETS_MAX]),
    )


def _sum(samples: Iterable[Sample]) -> Sample:
    found = [*samples]
    return Sample(
        count=sum(one.count for one in found),
        total=sum(one.total for one in found),
        squares=sum(one.squares for one in found),
    )


def _variance(sample: Sample) -> float:
    return sample.deviations / max(1, sample.count - 1)


def _residual(samples: Sequence[Sample]) -> float:
    """Give the variance within kinds, pooled."""
    return sum(one.deviations for one in samples) / max(1, sum(one.count - 1 for one in samples))


def _seen(pace: Pace, since: datetime, until: datetime) -> SeenFigure:
    low, high = pace.like_interval
    return SeenFigure(
        key=TaskKey(EASY_TICKETS, pace.handler),
        metric=PACE,
        units=pace.compared,
        hits=pace.easier,
        since=since,
        until=until,
        over=pace.picks_easy,
        tickets=pace.easy,
        causes=(
            f"全部 all {pace.ratio:.0%} ({pace.interval.low:.0%} – {pace.interval.high:.0%})",
            f"同类 like for like {pace.like_for_like:.0%} ({low:.0%} – {high:.0%})",
        ),
    )


def _unknown(key: TaskKey, window: MetricWindow) -> SeenFigure:
    return SeenFigure(key=key, metric=PACE, units=0, hits=0, since=window.since, until=window.until, over=None)
