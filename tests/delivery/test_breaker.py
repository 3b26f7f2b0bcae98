"""A breaker opens after failures in a row, lets a probe through every five seconds, and closes at the first success."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bus.delivery.breaker import CLOSED, Breaker, BreakerLimits, admit, at_limit, failed, succeeded
from bus.delivery.target import FailureKind

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LIMITS = BreakerLimits()
OF_THE_TARGET = (
    FailureKind.UNREACHABLE,
    FailureKind.UNAVAILABLE,
    FailureKind.THROTTLED,
    FailureKind.UNKNOWN,
    FailureKind.UNAUTHORIZED,
    FailureKind.GONE,
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def after(*kinds: FailureKind, breaker: Breaker = CLOSED) -> Breaker:
    for kind in kinds:
        breaker = failed(breaker, kind, LIMITS, START)
    return breaker


@pytest.mark.parametrize("kind", OF_THE_TARGET)
def test_breaker_it_opens_at_the_tenth_failure_in_a_row(kind: FailureKind) -> None:
    nine = after(*[kind] * 9)
    assert (at_limit(nine, LIMITS), admit(nine, LIMITS, START)) == (False, nine)
    ten = after(kind, breaker=nine)
    assert (at_limit(ten, LIMITS), admit(ten, LIMITS, at(4.999))) == (True, None)
    assert admit(ten, LIMITS, at(5)) is not None


def test_breaker_a_500_storm_of_two_minutes_sees_ten_failures_and_a_probe_every_five_seconds() -> None:
    breaker, calls = CLOSED, []
    for tenth in range(1200):
        now = at(tenth / 10)
        admitted = admit(breaker, LIMITS, now)
        if admitted is not None:
            calls.append(now)
            breaker = failed(admitted, FailureKind.UNKNOWN, LIMITS, now)
    assert len(calls) == 10 + 23
    assert all(second - first >= timedelta(seconds=5) for first, second in pairwise(calls[9:]))


def test_breaker_one_success_closes_it() -> None:
    ten = after(*[FailureKind.UNREACHABLE] * 10)
    probing = admit(ten, LIMITS, at(5))
    assert probing is not None
    assert succeeded(probing, LIMITS) == CLOSED


def test_breaker_a_probe_that_never_comes_back_holds_nothing_up() -> None:
    ten = after(*[FailureKind.UNREACHABLE] * 10)
    probing = admit(ten, LIMITS, at(5))
    assert probing is not None
    assert admit(probing, LIMITS, at(9.9)) is None
    assert admit(probing, LIMITS, at(10)) is not None


def test_breaker_a_no_shows_that_the_target_is_there_and_what_was_not_sent_shows_nothing() -> None:
    nine = after(*[FailureKind.UNKNOWN] * 9)
    assert after(FailureKind.REJECTED, breaker=nine) == CLOSED
    assert after(FailureKind.UNTRANSLATABLE, breaker=nine) == nine
    assert after(FailureKind.UNKNOWN, FailureKind.REJECTED, breaker=nine) == CLOSED


def test_breaker_a_target_that_asks_for_a_while_is_left_alone_for_it_and_is_not_open_for_that() -> None:
    throttled = failed(CLOSED, FailureKind.THROTTLED, LIMITS, START, asked_wait_s=30)
    late_success = succeeded(throttled, LIMITS)  # of a call that went before
    assert (at_limit(late_success, LIMITS), late_success.failures) == (False, 0)
    assert late_success.asked_wait
    assert admit(late_success, LIMITS, at(29.9)) is None
    assert admit(late_success, LIMITS, at(30)) == CLOSED


def test_breaker_what_a_target_asks_for_while_open_delays_its_probe() -> None:
    ten = after(*[FailureKind.UNAVAILABLE] * 10)
    asked = failed(ten, FailureKind.UNAVAILABLE, LIMITS, START, asked_wait_s=60)
    assert (ten.asked_wait, asked.asked_wait) == (False, True)
    assert admit(asked, LIMITS, at(59)) is None
    probe = admit(asked, LIMITS, at(60))
    assert probe is not None
    assert not probe.asked_wait
    assert failed(asked, FailureKind.UNAVAILABLE, LIMITS, START, asked_wait_s=10).not_before == at(60)


class AnyHistory(RuleBasedStateMachine):
    """The breaker beside the simplest model that can be: a list of outcomes, and the times of all probes."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now, self.probes = CLOSED, START, list[datetime]()
        self.in_a_row, self.opened_at = 0, START

    @property
    def open(self) -> bool:
        return self.in_a_row >= LIMITS.failures

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 4.9, 5.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def asks_for_a_call(self) -> None:
        admitted = admit(self.breaker, LIMITS, self.now)
        last = max([self.opened_at, *self.probes])
        assert (admitted is not None) == (not self.open or self.now - last >= LIMITS.probe_every)
        if admitted is not None:
            self.breaker = admitted
            if self.open:
                self.probes.append(self.now)

    @rule(kind=st.sampled_from(OF_THE_TARGET), times=st.integers(1, 9))
    def fails(self, kind: FailureKind, times: int) -> None:
        for _ in range(times):
            was_open = self.open
            self.breaker, self.in_a_row = failed(self.breaker, kind, LIMITS, self.now), self.in_a_row + 1
            if self.open and not was_open:
                self.opened_at = self.now

    @rule(rejected=st.booleans())
    def answers(self, rejected: bool) -> None:
        no = failed(self.breaker, FailureKind.REJECTED, LIMITS, self.now)
        self.breaker = no if rejected else succeeded(self.breaker, LIMITS)
        self.in_a_row = 0

    @precondition(lambda self: not self.open)
    @rule()
    def cannot_be_translated(self) -> None:
        assert failed(self.breaker, FailureKind.UNTRANSLATABLE, LIMITS, self.now) == self.breaker

    @invariant()
    def is_open_after_failures_in_a_row_alone(self) -> None:
        assert at_limit(self.breaker, LIMITS) == self.open
        assert at_limit(self.breaker, LIMITS) == self.open


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
