"""When something that is measured goes over its threshold, and when it is back: once each. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from bus.insight.metric import Judgement, Lasting, Metric, MetricFigure, is_beyond

WEEK: Final = timedelta(weeks=1)
CAUSES_MAX: Final = 5


class TaskKey(NamedTuple):
    """What a task is for: its kind, and the part of what is measured; no part is all of it."""

    kind: str
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFigure:
    """A figure as a kind of task looks at it. `over` None: too few cases, so that all stays as it was."""

    key: TaskKey
    metric: str
    units: int
    hits: int
    since: datetime
    until: datetime
    over: bool | None
    tickets: tuple[str, ...] = ()
    product: str = ""
    batch: str = ""
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossings:
    """What went over, and what is back: without a figure where no case of it is left."""

    over: Sequence[SeenFigure]
    back: Mapping[TaskKey, SeenFigure | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekFigure:
    """A metric as it was last judged in the week that begins on a Monday, UTC."""

    metric: str
    week: date
    units: int
    hits: int


def week_of(at: datetime) -> date:
    """Give the Monday, UTC. Pure."""
    return at.date() - timedelta(days=at.weekday())


def crossings(seen: Sequence[SeenFigure], over_already: Collection[TaskKey]) -> Crossings:
    """Compare what is seen with what was over already; a part that has no case any more is back. Pure."""
    by_key = {one.key: one for one in seen}
    kept = {key for key, one in by_key.items() if one.over is not False}
    return Crossings(
        over=[one for one in by_key.values() if one.over and one.key not in over_already],
        back={key: by_key.get(key) for key in sorted(over_already) if key not in kept},
    )


def seen_in(
    metric: Metric,
    figure: MetricFigure,
    weeks: Mapping[date, WeekFigure],
    now: datetime,
    over_already: Collection[TaskKey],
) -> Sequence[SeenFigure]:
    """Look at a figure for each kind of task that a metric has; `weeks`: how it was judged before. Pure."""
    found = list[SeenFigure]()
    if metric.consequence:
        over = {Judgement.OVER: True, Judgement.OK: False, Judgement.TOO_FEW: None}[figure.judgement]
        found.append(_seen(metric, metric.consequence, figure, over=over))
    if lasting := metric.lasting:
        was = TaskKey(lasting.consequence) in over_already
        found.append(
            _seen(metric, lasting.consequence, figure, over=_lasts(metric, lasting, figure, weeks, now, was=was))
        )
    return found


def _seen(metric: Metric, kind: str, figure: MetricFigure, *, over: bool | None) -> SeenFigure:
    return SeenFigure(
        key=TaskKey(kind),
        metric=figure.metric,
        units=figure.units,
        hits=figure.hits,
        since=figure.since,
        until=figure.until,
        over=over,
        causes=() if metric.by_person else tuple([*filter(None, figure.causes)][:CAUSES_MAX]),
    )


def _lasts(
    metric: Metric,
    lasting: Lasting,
    figure: MetricFigure,
    weeks: Mapping[date, WeekFigure],
    now: datetime,
    *,
    was: bool,
) -> bool | None:
    """Say whether a share is beyond now and was so in each week before; once it was, only now counts."""
    if figure.share is None or figure.units < metric.cases_min:
        return None
    if not is_beyond(lasting.threshold, figure.share, was=was):
        return False
    before = [weeks.get(week_of(now) - number * WEEK) for number in range(1, lasting.weeks + 1)]
    return was or all(one is not None and _was_beyond(metric, lasting, one) for one in before)


def _was_beyond(metric: Metric, lasting: Lasting, week: WeekFigure) -> bool:
    return week.units >= metric.cases_min and is_beyond(lasting.threshold, week.hits / week.units)
