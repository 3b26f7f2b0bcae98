"""The ladder of an alert: who hears of it while nobody acknowledges it, level by level, and how often again. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity

ESCALATE_AFTER: Final = timedelta(minutes=10)
REPEAT_EVERY: Final[Mapping[Severity, timedelta]] = {
    Severity.P1: timedelta(minutes=30),
    Severity.P2: timedelta(hours=4),
    Severity.P3: timedelta(hours=24),
}
REPEATS_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderLevel:
    """One level: `after` people heard that it is open, then every `repeat`, `times` times. `whom` names a role."""

    after: timedelta = timedelta(0)
    repeat: timedelta
    times: int = REPEATS_MAX
    whom: str = ""


Ladder = Sequence[LadderLevel]
LadderOf = Callable[[Alert, Severity], Ladder]
"""Give the ladder of an alert; without a level nobody is to hear of it, and it does not open."""

_FIRST: Final = {severity: LadderLevel(repeat=every) for severity, every in REPEAT_EVERY.items()}
_UNHEEDED: Final = LadderLevel(after=ESCALATE_AFTER, repeat=REPEAT_EVERY[Severity.P1])


def by_severity(_alert: Alert, severity: Severity) -> Ladder:
    """Give the ladder of alerts that have none of their own: a P1 goes up once. Pure."""
    first = _FIRST[severity]
    return (first, _UNHEEDED) if severity is Severity.P1 else (first,)


def level_of(ladder: Ladder, number: int) -> LadderLevel | None:
    """Give a level of a ladder that may have become shorter; None where it has none any more. Pure."""
    return ladder[min(number, len(ladder) - 1)] if ladder else None
