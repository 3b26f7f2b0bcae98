"""An alert rule: data, a reading, a pure question, and two inputs that show it firing and quiet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.postgres.pool import Connection

Readings = TypeVar("Readings")


@dataclass(frozen=True, kw_only=True)  # without slots: AlertRule[Readings](…) may be called, too
class AlertRule(Generic[Readings]):
    """One rule. `read` runs in the transaction of a round; `evaluate` is pure and gives all that is wrong now.

    `open_after`: how long it must be wrong before people hear of it; `close_after`: how long right again before it
    closes. `tells_end`: whether channels hear of that. `fires` and `quiet` make a reading, given the time, that must
    and must not fire: the self-test's inputs.
    """

    name: RuleName
    severity: Severity
    title: Text
    read: Callable[[Connection], Awaitable[Readings]]
    evaluate: Callable[[Readings, datetime], Sequence[Alert]]
    fires: Callable[[datetime], Readings]
    quiet: Callable[[datetime], Readings]
    open_after: timedelta = timedelta(0)
    close_after: timedelta = timedelta(minutes=1)
    tells_end: bool = True

    @property
    def page(self) -> str:
        """Give the place in the docs that says what to do."""
        return f"docs/alerts.md#{self.name.value.replace('_', '-')}"


AnyRule = AlertRule[Any]
