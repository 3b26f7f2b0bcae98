"""Whether a target is called at all: closed while it answers, open after failures in a row, then probes alone. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from bus.delivery.target import FailureKind


class Phase(StrEnum):
    """What a breaker does now."""

    CLOSED = "closed"  # calls go through
    OPEN = "open"  # none does
    HALF_OPEN = "half_open"  # the next one does, as a probe


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """It opens at the failure number `failures` in a row; while open, a probe goes every `probe_every`."""

    failures: int = 10
    probe_every: timedelta = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A target's breaker, all of it: failures in a row, and the time (aware) before which no call goes."""

    failures: int = 0
    not_before: datetime | None = None


CLOSED = Breaker()


def is_open(breaker: Breaker, limits: BreakerLimits) -> bool:
    """Tell whether calls are probes now: a failure then counts against the target, not against the row."""
    return breaker.failures >= limits.failures


def phase(breaker: Breaker, limits: BreakerLimits, now: datetime) -> Phase:
    """Name the phase, as people know it. A target that asked to be left alone for a while is not open for that."""
    if not is_open(breaker, limits):
        return Phase.CLOSED
    return Phase.HALF_OPEN if _may(breaker, now) else Phase.OPEN


def admit(breaker: Breaker, limits: BreakerLimits, now: datetime) -> Breaker | None:
    """Ask for one call: the breaker to keep before it goes, or None when it must not.

    A probe that is admitted moves the next one on, so that a probe which never comes back holds nothing up.
    """
    if not _may(breaker, now):
        return None
    return replace(breaker, not_before=now + limits.probe_every) if is_open(breaker, limits) else breaker


def succeeded(breaker: Breaker, limits: BreakerLimits) -> Breaker:
    """Close it: the target is there. A target that answers and yet asked to be left alone is left alone."""
    return CLOSED if is_open(breaker, limits) else replace(breaker, failures=0)


def failed(
    breaker: Breaker, kind: FailureKind, limits: BreakerLimits, now: datetime, *, asked_wait_s: float = 0.0
) -> Breaker:
    """Count a failure that speaks of the target as a whole; one that speaks of the event alone says that it is there.

    `asked_wait_s`, already bounded, is how long the target asked to be left alone: no call goes before that.
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
        ):
            counted = replace(breaker, failures=breaker.failures + 1)
            opens = is_open(counted, limits) and not is_open(breaker, limits)
            wait_s = max(asked_wait_s, limits.probe_every.total_seconds() if opens else 0.0)
            return _wait(counted, now + timedelta(seconds=wait_s)) if wait_s > 0 else counted
        case _ as unknown:
            assert_never(unknown)


def _may(breaker: Breaker, now: datetime) -> bool:
    return breaker.not_before is None or now >= breaker.not_before


def _wait(breaker: Breaker, until: datetime) -> Breaker:
    return replace(breaker, not_before=until if breaker.not_before is None else max(until, breaker.not_before))
