"""Whether a target is called at all: closed while it answers, open after failures in a row, then probes alone. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from bus.delivery.target import FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """It opens at the failure number `failures` in a row; while open, a probe goes every `probe_every`."""

    failures: int = 10
    probe_every: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A target's circuit breaker: failures in a row, and the time (aware) before which no call is made.

    `asked_wait`: the target itself asked for the wait.
    """

    failures: int = 0
    not_before: datetime | None = None
    asked_wait: bool = False


CLOSED = Breaker()


def at_limit(breaker: Breaker, limits: BreakerLimits) -> bool:
    """Say whether so many failed in a row that calls are probes, whose failures do not count against the row.

    What people see of it is `bus.domain.delivery_state`.
    """
    return breaker.failures >= limits.failures


def admit(breaker: Breaker, limits: BreakerLimits, now: datetime) -> Breaker | None:
    """Admit one call: the breaker to store before the call, or None when no call may be made.

    An admitted probe sets the time of the next one, so that a probe without an end blocks nothing. A wait that is over
    is none any more.
    """
    if not _may(breaker, now):
        return None
    if not at_limit(breaker, limits):
        return replace(breaker, not_before=None, asked_wait=False)
    return replace(breaker, not_before=now + limits.probe_every, asked_wait=False)


def succeeded(breaker: Breaker, limits: BreakerLimits) -> Breaker:
    """Close it after a success; a wait that the target asked for stays."""
    return CLOSED if at_limit(breaker, limits) else replace(breaker, failures=0)


def failed(
    breaker: Breaker, kind: FailureKind, limits: BreakerLimits, now: datetime, *, asked_wait_s: float = 0.0
) -> Breaker:
    """Count a failure of the target as a whole; a failure of one event shows that the target is up.

    `asked_wait_s`, already bounded, is the wait that the target asked for: no call is made before its end.
    """
    match kind:
        case FailureKind.REJECTED:
            return succeeded(breaker, limits)
        case FailureKind.UNTRANSLATABLE:  # nothing was sent, so nothing is known
            return breaker
        case (
            FailureKind.UNREACHABLE
            | FailureKind.UNAVAILABLE
            | FailureKind.THROTTLED
            | FailureKind.UNKNOWN
            | FailureKind.UNAUTHORIZED
            | FailureKind.GONE
        ):
            counted = replace(breaker, failures=breaker.failures + 1)
            opens = at_limit(counted, limits) and not at_limit(breaker, limits)
            own_s = limits.probe_every.total_seconds() if opens else 0.0
            until = now + timedelta(seconds=max(asked_wait_s, own_s))
            return _wait(counted, until, asked=asked_wait_s >= own_s) if until > now else counted
        case _ as unknown:
            assert_never(unknown)


def _may(breaker: Breaker, now: datetime) -> bool:
    return breaker.not_before is None or now >= breaker.not_before


def _wait(breaker: Breaker, until: datetime, *, asked: bool) -> Breaker:
    if breaker.not_before is not None and breaker.not_before >= until:
        return breaker
    return replace(breaker, not_before=until, asked_wait=asked)
