"""The forecast of a full disk: right about what fills, silent about clean-ups, bursts, steps and noise."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deadletter.disk_forecast import SAMPLES_MIN, forecast
from tests.deadletter.disk_series import (
    EVERY,
    HOUR,
    NOW,
    Make,
    judged,
    precision_and_recall,
    samples,
    step,
    still,
)

DAY = timedelta(hours=24)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.4, 0.9), st.floats(1, 20))
def test_forecast_of_an_even_fill_is_the_time_it_is_full(used: float, hours: float) -> None:
    rate = (1 - used) / (hours * HOUR)
    found = forecast(samples(lambda n: used - rate * (59 - n), seen=60), NOW)
    assert found is not None
    assert abs(found.likely - NOW - timedelta(hours=hours)) < timedelta(hours=hours) / 50
    assert NOW <= found.earliest <= found.likely


@settings(max_examples=15, deadline=None)
@given(st.floats(0.3, 1.9), st.floats(0.03, 0.3), st.floats(0, 0.99), st.floats(0.1, 0.65))
def test_forecast_of_a_disk_that_falls_back_as_far_as_it_grows_is_none(
    period: float, high: float, phase: float, base: float
) -> None:
    found = forecast(samples(lambda n: base + high * ((n / (period * HOUR) + phase) % 1)), NOW)
    assert found is None or found.likely - NOW > DAY


@pytest.mark.parametrize("make", [still, step])
@pytest.mark.parametrize("seed", range(4))
def test_forecast_of_noise_or_a_step_is_none_within_a_day(make: Make, seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - the same series each time
    found = forecast(samples(make(rng), lambda: rng.gauss(0, 0.0005)), NOW)
    assert found is None or found.likely - NOW > DAY


def test_forecast_of_a_burst_ends_when_the_burst_has_ended_for_ten_minutes() -> None:
    def shares(n: int, ended: int) -> float:
        return 0.4 + 0.3 * min(1.0, max(0.0, (n - (720 - ended - 60)) / 60))

    while_it_lasts = forecast(samples(lambda n: shares(n, 0)), NOW)
    assert while_it_lasts is not None, "nobody knows yet that it ends"
    assert forecast(samples(lambda n: shares(n, 21)), NOW) is None


@pytest.mark.parametrize(
    "shares",
    [
        lambda n: 0.8 + 0.01 * (n % 120 / 120),  # a log on a small disk, rotated each hour
        lambda n: 0.5 + 0.06 * (n % 240 / 240),  # a store that compacts every two hours
        lambda n: 0.7 + 0.05 * min(1.0, max(0.0, (n - 700) / 6)),  # package lists, fetched within three minutes
    ],
)
@pytest.mark.parametrize("seen", [706, 720])
def test_forecast_of_what_other_tools_raised_false_alarms_about_is_none(
    shares: Callable[[int], float], seen: int
) -> None:
    found = forecast(samples(shares, seen=seen), NOW)
    assert found is None or found.likely - NOW > DAY


def test_forecast_needs_ten_readings_and_three_minutes_since_the_last_clean_up() -> None:
    def fills(n: int) -> float:
        return 0.5 + 0.001 * n

    assert forecast([], NOW) is None
    assert forecast(samples(fills, seen=SAMPLES_MIN - 1), NOW) is None
    assert forecast(samples(fills, seen=SAMPLES_MIN), NOW) is not None
    cleaned = samples(lambda n: fills(n) - (0.2 if n >= 60 - SAMPLES_MIN + 1 else 0), seen=60)
    assert forecast(cleaned, NOW) is None
    assert cleaned[-1].at - cleaned[-SAMPLES_MIN + 1].at >= EVERY


def test_forecast_of_a_full_disk_is_now() -> None:
    found = forecast(samples(lambda n: min(1.0, 0.9 + n / 300), seen=40), NOW)
    assert found is not None
    assert found.earliest == NOW


def test_forecast_precision_and_recall_over_made_series() -> None:
    precision, recall = precision_and_recall([*judged(160)])
    assert precision >= 0.9, "an alarm is nearly always right"
    assert recall >= 0.85, "little of what fills is missed at one look; the next look is 15 s later"
