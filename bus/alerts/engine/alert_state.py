"""What is known of an alert from round to round."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bus.alerts.alert import Alert, Severity

Fingerprint = tuple[str, str]  # rule, about


class Flip(StrEnum):
    """What people hear of an alert."""

    OPENED = "opened"
    REOPENED = "reopened"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """An alert: seen since, open since, and not seen any more since. `number` is 0 before it is stored.

    `hidden_by` names the cause or silence because of which nobody hears of it. `opened_notified_at`: when people heard
    that it is open; `notified_at`: when they last heard of it, `repeats` times again, and `notified_newest` of what.
    `level`: how far up its ladder it is, from 0; `repeats` are those of this level.
    `came_again_at`: it was over, has begun anew, and nobody has heard of that yet; they have `reopened` times.
    """

    number: int = 0
    alert: Alert
    severity: Severity
    seen_at: datetime
    opened_at: datetime | None = None
    gone_at: datetime | None = None
    closed_at: datetime | None = None
    hidden_by: str = ""
    notified_at: datetime | None = None
    opened_notified_at: datetime | None = None
    notified_newest: int | None = None
    repeats: int = 0
    came_again_at: datetime | None = None
    reopened: int = 0
    escalated_at: datetime | None = None
    level: int = 0
    acked_at: datetime | None = None
    drill: bool = False

    @property
    def fingerprint(self) -> Fingerprint:
        """Give rule and about."""
        return self.alert.rule.value, self.alert.about

    @property
    def is_open(self) -> bool:
        """Say whether it is open: wrong for longer than its rule waits, and not closed."""
        return self.opened_at is not None and self.closed_at is None
