"""State of a target and of a delivery there, as deliveries, alerts, journeys and commands all read it. Pure."""

from datetime import datetime
from typing import Final, Protocol

FAILURES_KEPT: Final = 20  # of a delivery, written down: the first, and the last ones; more cannot be counted


class CalledTarget(Protocol):
    """A target as it is stored: failures in a row, when it may be called again, whether it asked for that wait."""

    @property
    def failures(self) -> int: ...
    @property
    def not_before(self) -> datetime | None: ...
    @property
    def asked_wait(self) -> bool: ...


def is_breaker_open(target: CalledTarget) -> bool:
    """Say whether only probes go there, for its failures: also while one is due or under way.

    A target that asked for a wait (Retry-After) is held by that, however often it failed; from the next probe on its
    breaker is what holds it.
    """
    return target.failures > 0 and target.not_before is not None and not target.asked_wait


def asked_until(target: CalledTarget, now: datetime) -> datetime | None:
    """Give until when the target asked not to be called (Retry-After); None without such a wait at `now`."""
    return target.not_before if target.asked_wait and target.not_before and target.not_before > now else None
