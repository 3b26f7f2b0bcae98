"""How long a source may be silent: by what its gaps were, and false alarms of a source without any change."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bus.alerts.rules.usual_gaps import AT_LEAST, BEYOND, GAPS_MIN, WITHOUT_HISTORY, silent_after

MINUTE = timedelta(minutes=1)
GAPS = st.lists(st.timedeltas(MINUTE, timedelta(hours=20)), min_size=GAPS_MIN, max_size=240)


def test_usual_gaps_without_enough_gaps_it_is_a_day() -> None:
    assert silent_after([MINUTE] * (GAPS_MIN - 1)) == WITHOUT_HISTORY
    assert silent_after([]) == WITHOUT_HISTORY
    assert silent_after([MINUTE] * GAPS_MIN) == AT_LEAST


def test_usual_gaps_of_an_hour_after_which_nobody_works_is_as_long_as_its_nights() -> None:
    evenings = [timedelta(hours=14)] * 4
    assert silent_after([*[4 * MINUTE] * 52, *evenings]) == BEYOND * timedelta(hours=14)
    assert silent_after([*[4 * MINUTE] * 52]) == AT_LEAST


@given(GAPS)
def test_usual_gaps_is_beyond_all_but_one_gap_in_a_hundred(gaps: list[timedelta]) -> None:
    limit = silent_after(gaps)
    assert sum(gap > limit for gap in gaps) <= len(gaps) / 100
    assert silent_after([*gaps, limit]) >= limit, "a longer gap in its history makes it no more impatient"


def test_usual_gaps_false_alarms_of_a_steady_source_are_fewer_than_one_gap_in_a_thousand() -> None:
    chance, alarms, seen = Random(7), 0, 0  # noqa: S311 - a made series, not a secret
    for _ in range(500):
        gaps = [max(MINUTE, chance.expovariate(1 / 4) * MINUTE) for _ in range(61)]
        limit = silent_after(gaps[:60])
        seen, alarms = seen + 1, alarms + (gaps[60] > limit)
    assert alarms / seen <= 1 / 1000
