"""A failed delivery is judged by the kind of its failure, never before now, never long after its deadline."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.delivery.target import FailureKind
from bus.delivery.triage import (
    AttemptHistory,
    Discard,
    Failure,
    Park,
    Reason,
    Retry,
    RetryLimits,
    longest_wait_s,
    triage,
)

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LIMITS = RetryLimits()
OUTAGES = (FailureKind.UNREACHABLE, FailureKind.UNAVAILABLE, FailureKind.THROTTLED, FailureKind.UNAUTHORIZED)

durations = st.timedeltas(timedelta(milliseconds=1), timedelta(days=60))
limits_of_any_kind = st.builds(
    RetryLimits,
    deadline=durations,
    first_wait=durations,
    longest_wait=durations,
    retry_after_max=st.timedeltas(timedelta(0), timedelta(days=7)),
    unknown_max=st.integers(1, 50),
    rejected_max=st.integers(1, 50),
    discards=st.dictionaries(
        st.sampled_from(["SlaWarned", "TicketAssigned"]), st.frozensets(st.sampled_from(FailureKind))
    ),
)
failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    event=st.sampled_from(["SlaWarned", "TicketAssigned", "PartsRequested"]),
    retry_after_s=st.none() | st.floats(),
)
tries = st.builds(
    AttemptHistory,
    since=st.timedeltas(timedelta(0), timedelta(days=90)).map(lambda age: NOW - age),
    attempts=st.integers(1, 1_000_000),
    counted=st.integers(0, 100),
)
jitters = st.floats(0, 1, exclude_max=True)


def failure(kind: FailureKind, *, event: str = "TicketAssigned", retry_after_s: float | None = None) -> Failure:
    return Failure(kind=kind, event=event, retry_after_s=retry_after_s)


def tried(attempts: int = 1, *, counted: int | None = None, age: timedelta = timedelta(0)) -> AttemptHistory:
    return AttemptHistory(since=NOW - age, attempts=attempts, counted=attempts if counted is None else counted)


@pytest.mark.parametrize("kind", OUTAGES)
def test_triage_an_outage_parks_nothing_however_often_it_is_met(kind: FailureKind) -> None:
    verdict = triage(failure(kind), tried(9_999, age=timedelta(hours=23)), LIMITS, now=NOW, jitter=0.5)
    assert verdict == Retry(at=NOW + timedelta(seconds=150))


@pytest.mark.parametrize("kind", [*OUTAGES, FailureKind.UNKNOWN])
def test_triage_an_outage_ends_in_a_letter_at_the_deadline_of_the_row(kind: FailureKind) -> None:
    verdict = triage(failure(kind), tried(age=LIMITS.deadline), LIMITS, now=NOW, jitter=0.5)
    assert verdict == Park(reason=Reason.DEADLINE)


def test_triage_a_target_that_wants_no_more_calls_parks_nothing_whenever_it_is_resumed() -> None:
    long_ago = tried(9_999, age=timedelta(days=60))
    assert triage(failure(FailureKind.GONE), long_ago, LIMITS, now=NOW, jitter=0) == Retry(at=NOW)


def test_triage_what_fails_and_nobody_knows_why_is_tried_a_number_of_times() -> None:
    verdicts = [triage(failure(FailureKind.UNKNOWN), tried(n), LIMITS, now=NOW, jitter=0) for n in (1, 11, 12)]
    assert verdicts == [Retry(at=NOW), Retry(at=NOW), Park(reason=Reason.ATTEMPTS)]


def test_triage_probes_of_a_target_that_is_down_do_not_burn_a_row() -> None:
    burnt = triage(failure(FailureKind.UNKNOWN), tried(500, counted=10), LIMITS, now=NOW, jitter=0)
    assert burnt == Retry(at=NOW)


def test_triage_a_no_is_a_no_and_what_has_no_form_has_none() -> None:
    assert triage(failure(FailureKind.REJECTED), tried(), LIMITS, now=NOW, jitter=0) == Park(reason=Reason.REJECTED)
    patient = RetryLimits(rejected_max=3)
    assert triage(failure(FailureKind.REJECTED), tried(2), patient, now=NOW, jitter=0) == Retry(at=NOW)
    assert triage(failure(FailureKind.UNTRANSLATABLE), tried(counted=0), patient, now=NOW, jitter=0) == Park(
        reason=Reason.UNTRANSLATABLE
    )


def test_triage_what_the_policy_calls_not_worth_keeping_is_let_go_where_it_would_be_parked() -> None:
    limits = RetryLimits(discards={"SlaWarned": frozenset({FailureKind.UNREACHABLE})})
    late = tried(age=limits.deadline)
    warned, assigned = (failure(FailureKind.UNREACHABLE, event=name) for name in ("SlaWarned", "TicketAssigned"))
    assert triage(warned, late, limits, now=NOW, jitter=0) == Discard(reason=Reason.DEADLINE)
    assert triage(assigned, late, limits, now=NOW, jitter=0) == Park(reason=Reason.DEADLINE)
    assert triage(warned, tried(), limits, now=NOW, jitter=0) == Retry(at=NOW)
    rejected = failure(FailureKind.REJECTED, event="SlaWarned")
    assert triage(rejected, tried(), limits, now=NOW, jitter=0) == Park(reason=Reason.REJECTED)


@pytest.mark.parametrize(
    ("asked", "waited"), [(30.0, 30.0), (0.0, 0.0), (-5.0, 0.0), (1e9, 3600.0), (float("inf"), 3600.0), (None, 0.0)]
)
def test_triage_the_target_is_left_alone_as_long_as_it_asks_within_a_limit(asked: float | None, waited: float) -> None:
    verdict = triage(failure(FailureKind.THROTTLED, retry_after_s=asked), tried(), LIMITS, now=NOW, jitter=0)
    assert verdict == Retry(at=NOW + timedelta(seconds=waited))


def test_triage_waits_double_up_to_the_longest() -> None:
    assert [longest_wait_s(n, LIMITS) for n in (1, 2, 3, 9, 10, 1_000_000)] == [1, 2, 4, 256, 300, 300]


@given(failures, tries, limits_of_any_kind, jitters)
def test_triage_every_failure_gets_a_verdict_and_no_retry_is_in_the_past_or_long_after_the_deadline(
    failed: Failure, row: AttemptHistory, limits: RetryLimits, jitter: float
) -> None:
    verdict = triage(failed, row, limits, now=NOW, jitter=jitter)
    match verdict:
        case Retry(at=at):
            longest = max(limits.longest_wait, limits.retry_after_max)
            end = NOW if failed.kind is FailureKind.GONE else row.since + limits.deadline
            assert NOW <= at <= end + longest
        case Park() | Discard():
            assert (failed.kind in limits.discards.get(failed.event, ())) == isinstance(verdict, Discard)


@given(failures, tries, limits_of_any_kind, jitters, st.integers(1, 1000))
def test_triage_the_more_was_tried_the_later_it_is_tried_again(
    failed: Failure, row: AttemptHistory, limits: RetryLimits, jitter: float, more: int
) -> None:
    later = AttemptHistory(since=row.since, attempts=row.attempts + more, counted=row.counted + more)
    first, then = (triage(failed, each, limits, now=NOW, jitter=jitter) for each in (row, later))
    if isinstance(then, Retry):
        assert isinstance(first, Retry)
        assert first.at <= then.at


@given(failures, tries, limits_of_any_kind, jitters, jitters)
def test_triage_jitter_moves_a_retry_and_decides_nothing(
    failed: Failure, row: AttemptHistory, limits: RetryLimits, one: float, other: float
) -> None:
    verdicts = [triage(failed, row, limits, now=NOW, jitter=each) for each in (one, other)]
    assert type(verdicts[0]) is type(verdicts[1])
