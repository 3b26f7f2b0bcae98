"""Judging a figure (R27 to R32): too few, ok or over, with hysteresis; the window that a metric looks at."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain.errors import MalformedInput
from bus.insight.metric import CASES_MIN, Judgement, Metric, judge, window_of
from bus.insight.metrics.chase import CHASE
from bus.insight.metrics.cross_system import CROSS_SYSTEM
from bus.insight.metrics.duplicates import DUPLICATES
from bus.insight.metrics.first_time_fix import FIRST_TIME_FIX
from bus.insight.metrics.knowledge_reuse import KNOWLEDGE_REUSE
from bus.insight.registry import METRICS, metric_of

NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("metric", "units", "hits", "was", "wanted"),
    [
        (CHASE, 19, 19, Judgement.OK, Judgement.TOO_FEW),
        (CHASE, 100, 5, Judgement.OK, Judgement.OK),
        (CHASE, 100, 6, Judgement.OK, Judgement.OVER),
        (CHASE, 1000, 46, Judgement.OVER, Judgement.OVER),
        (CHASE, 1000, 46, Judgement.OK, Judgement.OK),
        (CHASE, 1000, 45, Judgement.OVER, Judgement.OK),
        (FIRST_TIME_FIX, 100, 74, Judgement.OK, Judgement.OVER),
        (FIRST_TIME_FIX, 100, 75, Judgement.OK, Judgement.OK),
        (FIRST_TIME_FIX, 100, 76, Judgement.OVER, Judgement.OVER),
        (FIRST_TIME_FIX, 100, 77, Judgement.OVER, Judgement.OK),
        (KNOWLEDGE_REUSE, 100, 29, Judgement.OK, Judgement.OVER),
        (KNOWLEDGE_REUSE, 100, 30, Judgement.OK, Judgement.OK),
        (KNOWLEDGE_REUSE, 100, 39, Judgement.OVER, Judgement.OVER),
        (KNOWLEDGE_REUSE, 100, 40, Judgement.OVER, Judgement.OK),
        (CROSS_SYSTEM, 1, 1, Judgement.OK, Judgement.OVER),
        (CROSS_SYSTEM, 300_000, 1, Judgement.OK, Judgement.OVER),
        (CROSS_SYSTEM, 300_000, 0, Judgement.OVER, Judgement.OK),
        (DUPLICATES, 100, 99, Judgement.OK, Judgement.OK),
    ],
)
def test_metric_judge(metric: Metric, units: int, hits: int, was: Judgement, wanted: Judgement) -> None:
    assert judge(metric, units, hits, was=was) is wanted


@given(st.sampled_from(METRICS), st.integers(CASES_MIN, 10_000), st.data())
def test_metric_judge_a_figure_that_stays_is_judged_the_same_again(
    metric: Metric, units: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, units))
    for was in (Judgement.OK, Judgement.OVER):
        first = judge(metric, units, hits, was=was)
        assert judge(metric, units, hits, was=first) is first
    if judge(metric, units, hits) is Judgement.OVER:
        assert judge(metric, units, hits, was=Judgement.OVER) is Judgement.OVER, "what opens is not closed at once"


def test_metric_window_ends_where_cases_no_longer_change() -> None:
    settled = window_of(FIRST_TIME_FIX, NOW, WINDOW, since=None, until=None)
    assert (settled.since, settled.until) == (NOW - 37 * DAY, NOW - 7 * DAY)
    assert window_of(CHASE, NOW, WINDOW, since=None, until=None).until == NOW
    asked = window_of(FIRST_TIME_FIX, NOW, WINDOW, since=NOW - DAY, until=NOW)
    assert (asked.since, asked.until) == (NOW - DAY, NOW)
    with pytest.raises(MalformedInput, match="since must be before the end"):
        window_of(CHASE, NOW, WINDOW, since=NOW, until=NOW)


def test_metric_names_are_listed_and_a_misspelled_one_is_refused_with_the_nearest() -> None:
    assert {one.row for one in METRICS} == {"R3", "R24", "R27", "R28", "R29", "R30", "R31", "R32", "R34"}
    assert [metric_of(one.name) for one in METRICS] == [*METRICS]
    with pytest.raises(MalformedInput, match="did you mean 'recurrence'"):
        metric_of("recurence")
    for one in METRICS:
        followed = one.consequence or one.lasting
        assert bool(one.threshold) == bool(followed), one.name
        assert all((one.title.zh, one.title.en, one.definition.zh, one.definition.en)), one.name
