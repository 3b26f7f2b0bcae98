"""A look-up that finds nothing proves nothing at once, where a target shows its effects late."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.delivery.attempt import FinishedAttempt
from bus.delivery.breaker import CLOSED, Breaker
from bus.delivery.lookup import look_record, nothing_sent_since, unknown_since, unproven_s
from bus.delivery.queue import Claim, FailedClaim
from bus.delivery.settlement import Settlement, judge
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.domain.terms import TicketId
from tests.delivery.scripted import plan

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def sent(second: int) -> dict[str, Any]:
    """Give the failure of an attempt that may have sent something."""
    return {"at": (NOW + timedelta(seconds=second)).isoformat(), "kind": "unknown", "detail": "x"}


def looks(*attempts: tuple[int, int], before: Sequence[Mapping[str, Any]] = ()) -> list[Mapping[str, Any]]:
    """Give the failures of attempts, by number and second, that ended at their look-up."""
    failures = [*before]
    for attempt, second in attempts:
        at = NOW + timedelta(seconds=second)
        failures.append(sent(second) | {"looked": look_record(failures, attempt, at)})
    return failures


@pytest.mark.parametrize(
    ("failures", "attempt", "second"),
    [
        ([], 1, None),
        ([], 2, None),  # a worker was killed in the first attempt: it left nothing
        ([sent(0)], 2, None),
        (looks((2, 5), before=[sent(0)]), 3, 5),
        (looks((2, 5), (3, 9), before=[sent(0)]), 4, 5),
        (looks((2, 5), (3, 9), before=[sent(0)])[-1:], 4, 5),  # whatever of the earlier ones is kept
        ([*looks((2, 5)), sent(9)], 4, None),  # it was sent again
        (looks((4, 12), before=[*looks((2, 5)), sent(9)]), 5, 12),
        (looks((2, 5)), 4, None),  # the third was killed: it may have sent
        (looks((2, 5), (4, 9)), 5, 9),  # the third left nothing
        (looks((1, 0)), 1, None),  # sent again by people: attempts are counted anew
        ([{"looked": "x"}], 2, None),
    ],
)
def test_lookup_time_counts_from_the_first_look_up_after_whatever_may_have_been_sent(
    failures: list[dict[str, Any]], attempt: int, second: int | None
) -> None:
    since = nothing_sent_since(failures, attempt)
    assert since == (None if second is None else NOW + timedelta(seconds=second))


@pytest.mark.parametrize(
    ("age_s", "again_s"), [(None, 30.0), (0, 30.0), (60, 30.0), (100, 20.0), (119, 1.0), (120, None), (500, None)]
)
def test_lookup_nothing_is_proof_once_the_time_has_passed_and_is_asked_for_some_times_before(
    age_s: int | None, again_s: float | None
) -> None:
    since = None if age_s is None else NOW - timedelta(seconds=age_s)
    assert unproven_s(since, NOW, 120) == again_s


def judged(attempt: int, failures: Sequence[Mapping[str, Any]], *, unproven: bool, breaker: Breaker) -> Settlement:
    """Judge a look-up that found nothing, which proves nothing yet, or that failed."""
    claim = Claim(ticket_id=TicketId("T1"), version=1, attempt=attempt, unsure=True, failures=failures, value=b"")
    failed = DeliveryFailed(FailureKind.UNKNOWN, "x", retry_after_s=30.0)
    one = FinishedAttempt(claim=claim, recorded=None, unsure=True, failure=failed, looked=True, unproven=unproven)
    return judge("erp", [one], plan(), breaker=breaker, recent=(), now=NOW, chance=lambda: 0.0)


def test_lookup_that_proves_nothing_yet_counts_against_neither_row_nor_target_and_makes_nobody_else_wait() -> None:
    failures, breaker = list[Mapping[str, Any]](), CLOSED
    for attempt in range(2, 40):  # far more than a row may fail, or a target in a row
        settled = judged(attempt, failures, unproven=True, breaker=breaker)
        ((again,), breaker) = settled.again, settled.breaker
        assert isinstance(again, FailedClaim)
        assert (again.at, again.unsure, again.parked) == (NOW + timedelta(seconds=30), True, False)
        assert again.failure["unproven"]
        assert again.failure["looked"] == {"attempt": attempt, "since": NOW.isoformat()}
        failures = [*failures[-18:], again.failure]
    assert breaker == CLOSED


def test_lookup_that_fails_is_a_failure_of_the_target_like_any_other() -> None:
    settled = judged(2, [], unproven=False, breaker=CLOSED)
    ((again,),) = (settled.again,)
    assert (settled.breaker.failures, again.failure["looked"]["attempt"]) == (1, 2)
    assert settled.breaker.not_before == NOW + timedelta(seconds=30)


def test_lookup_what_may_have_been_sent_counts_from_the_first_unknown_end_though_later_ones_are_known() -> None:
    known = {"at": NOW.isoformat(), "kind": "unavailable"}
    first = NOW - timedelta(minutes=1)
    assert unknown_since([], unsure=False, first_tried_at=first) is None
    assert unknown_since([known], unsure=False, first_tried_at=first) is None
    assert unknown_since([known, sent(3), sent(9), known], unsure=False, first_tried_at=first) == NOW + timedelta(
        seconds=3
    )
    assert unknown_since([known], unsure=True, first_tried_at=first) == first
