"""Triage of a failed delivery: retry at a time, park, or discard. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from tenacity import RetryCallState, Retrying, wait_exponential

from bus.delivery.target import FailureKind

_CALL_THAT_IS_NONE: Final = (
    Retrying()
)  # tenacity's strategies read the number of attempts off a call: this one never runs


class Reason(StrEnum):
    """Why a row is not tried again."""

    DEADLINE = "deadline"  # its time is over
    ATTEMPTS = "attempts"  # nobody knows why it fails, and it was tried as often as allowed
    REJECTED = "rejected"  # the target says no
    UNTRANSLATABLE = "untranslatable"  # it has no form there


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try again, not before `at`."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Keep it as a dead letter; what follows for the ticket and target waits behind it."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Discard it, as the target's policy says."""

    reason: Reason


Verdict = Retry | Park | Discard


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed attempt: its kind, the event's class name, and the wait that the target asked for."""

    kind: FailureKind
    event: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptHistory:
    """The row's attempts so far, this failure included.

    `since`: its first attempt; waiting behind others is not its fault. `attempts`: all of them. `counted`: those that
    failed in this kind while the breaker was closed; a probe of a target that is down does not count.
    """

    since: datetime
    attempts: int
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """A target's policy. Waits double from `first_wait` to `longest_wait`, each drawn from nothing up to that.

    `discards`: kinds of failure by event class after which the event is not worth keeping.
    """

    deadline: timedelta = timedelta(hours=24)
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(minutes=5)
    retry_after_max: timedelta = timedelta(hours=1)
    unknown_max: int = 12
    rejected_max: int = 1
    discards: Mapping[str, frozenset[FailureKind]] = field(default_factory=dict)


def triage(failure: Failure, tried: AttemptHistory, limits: RetryLimits, *, now: datetime, jitter: float) -> Verdict:
    """Judge a failure by its kind. Total; `jitter` in [0, 1) is the share of the wait to take (full jitter).

    A retry is never before `now`, and at most one wait after the deadline. An outage of the target parks nothing before
    the deadline, and a target that wants no more calls parks nothing at all.
    """
    reason = _enough(failure.kind, tried, limits, now)
    if reason is None:
        wait_s = max(jitter * longest_wait_s(tried.attempts, limits), asked_wait_s(failure, limits))
        return Retry(at=now + timedelta(seconds=wait_s))
    if failure.kind in limits.discards.get(failure.event, frozenset()):
        return Discard(reason=reason)
    return Park(reason=reason)


def longest_wait_s(attempts: int, limits: RetryLimits) -> float:
    """Ask tenacity's exponential strategy how long to wait at most after that many failures, in seconds."""
    call = RetryCallState(_CALL_THAT_IS_NONE, None, (), {})
    call.attempt_number = attempts
    growing = wait_exponential(multiplier=limits.first_wait.total_seconds(), max=limits.longest_wait)
    return growing(call)


def asked_wait_s(failure: Failure, limits: RetryLimits) -> float:
    """Give the wait that the target asked for, in seconds, within the limit; 0 without one."""
    # In this order a NaN ends as the limit.
    return max(0.0, min(limits.retry_after_max.total_seconds(), failure.retry_after_s or 0.0))


def _enough(kind: FailureKind, tried: AttemptHistory, limits: RetryLimits, now: datetime) -> Reason | None:
    """Give the reason against a further attempt, or None."""
    match kind:
        case FailureKind.UNTRANSLATABLE:
            return Reason.UNTRANSLATABLE
        case FailureKind.REJECTED if tried.counted >= limits.rejected_max:
            return Reason.REJECTED
        case FailureKind.UNKNOWN if tried.counted >= limits.unknown_max:
            return Reason.ATTEMPTS
        case FailureKind.GONE:  # the target is paused for it: the row waits for whoever resumes it
            return None
        case (
            FailureKind.UNREACHABLE
            | FailureKind.UNAVAILABLE
            | FailureKind.THROTTLED
            | FailureKind.UNAUTHORIZED
            | FailureKind.UNKNOWN
            | FailureKind.REJECTED
        ):
            return Reason.DEADLINE if now >= tried.since + limits.deadline else None
        case _ as unknown:
            assert_never(unknown)
