"""What a metric is, and how its figure is judged. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, LiteralString

from bus.domain.errors import MalformedInput
from bus.domain.text import Text

CASES_MIN: Final = 20
MONTH: Final = timedelta(days=30)


class Judgement(StrEnum):
    """What a figure means; `over`: on the wrong side of its threshold, whichever side that is."""

    TOO_FEW = "too few"
    OK = "ok"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A share is over beyond `limit`, and stays so until it is back at `back` or better.

    `below`: it is bad to be under it, else to be above it.
    """

    limit: float
    back: float
    below: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What follows once a share is beyond a threshold now, and was at the end of each of so many weeks before."""

    weeks: int
    threshold: Threshold
    consequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A share of cases: those of the numerator of all that are known, within a window.

    `cases`: a query by `since`, `until` and `dedupe_window` that gives `subject` (a ticket's number, or `letter:7`
    where there is none), `cause`, `units` (1, or how many reports), `hits` (of them in the numerator) and `known`
    (false: the imported history cannot tell, so it counts nowhere). `settles`: so long after its time a case may still
    change. `causes`: what they are. Without a threshold it is measured alone, and nothing follows. `consequence`, and
    that of `lasting`, stand in `bus/insight/consequences.py`. `anew`: cases of before its task was done count no more.
    `by_person`: its causes are names of engineers, which leave for no topic.
    """

    name: str
    row: str
    title: Text
    definition: Text
    causes: Text
    cases: LiteralString
    threshold: Threshold | None = None
    consequence: str = ""
    lasting: Lasting | None = None
    window: timedelta = MONTH
    settles: timedelta = timedelta(0)
    cases_min: int = CASES_MIN
    anew: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFigure:
    """A metric within a time: `hits` of `units`; `left_out` cases are not known. `causes`: hits, the most first."""

    metric: str
    since: datetime
    until: datetime
    units: int
    hits: int
    left_out: int
    causes: dict[str, int]
    judgement: Judgement

    @property
    def share(self) -> float | None:
        """Give the share; None of nothing."""
        return self.hits / self.units if self.units else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWindow:
    """The time that is looked at, its end not included; `dedupe_window` is the deployment's, for duplicates."""

    since: datetime
    until: datetime
    dedupe_window: timedelta


def window_of(
    metric: Metric, now: datetime, dedupe_window: timedelta, *, since: datetime | None, until: datetime | None
) -> MetricWindow:
    """Give the time that is asked for; by itself the last window whose cases no longer change. Pure.

    Raises MalformedInput where it ends before it begins.
    """
    end = until or now - metric.settles
    begin = since or end - metric.window
    if begin >= end:
        raise MalformedInput(
            "out_of_range",
            "since",
            f"since 须早于结束时间 {end.isoformat()}",
            f"since must be before the end, {end.isoformat()}",
        )
    return MetricWindow(since=begin, until=end, dedupe_window=dedupe_window)


def judge(metric: Metric, units: int, hits: int, *, was: Judgement = Judgement.OK) -> Judgement:
    """Judge a figure; `was`: how it was judged before, for what is over stays so until it is back. Pure."""
    if units < metric.cases_min:
        return Judgement.TOO_FEW
    beyond = metric.threshold is not None and is_beyond(metric.threshold, hits / units, was=was is Judgement.OVER)
    return Judgement.OVER if beyond else Judgement.OK


def is_beyond(threshold: Threshold, share: float, *, was: bool = False) -> bool:
    """Say whether a share is on the wrong side of a threshold; `was`: it was there before. Pure."""
    limit = threshold.back if was else threshold.limit
    return share < limit if threshold.below else share > limit
