"""A token bucket lets go what its rate says, over any way of looking at it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.domain.token_bucket import filled, taken

RATES = st.floats(0.01, 10_000)


def test_token_bucket_gathers_no_more_than_a_burst() -> None:
    assert filled(0.0, 0.05, rate_per_s=100, burst_s=0.1) == pytest.approx(5)
    assert filled(0.0, 3600.0, rate_per_s=100, burst_s=0.1) == pytest.approx(10)


def test_token_bucket_of_a_slow_rate_lets_one_go_in_its_time() -> None:
    assert filled(0.0, 99.0, rate_per_s=0.01, burst_s=0.5) == pytest.approx(0.99)
    assert filled(0.0, 101.0, rate_per_s=0.01, burst_s=0.5) == 1.0


def test_token_bucket_is_in_no_debt_after_more_was_taken_than_there_was() -> None:
    assert taken(2.5, 2) == pytest.approx(0.5)
    assert taken(2.5, 5) == 0.0


@given(RATES, st.floats(0.01, 1), st.lists(st.floats(0, 2), max_size=50))
def test_token_bucket_that_begins_empty_lets_go_no_more_than_its_rate(
    rate: float, burst_s: float, pauses: list[float]
) -> None:
    tokens, gone = 0.0, 0
    for pause_s in pauses:
        tokens = filled(tokens, pause_s, rate_per_s=rate, burst_s=burst_s)
        gone += int(tokens)
        tokens = taken(tokens, int(tokens))
    assert gone <= sum(pauses) * rate + 1e-6 * (1 + gone)
