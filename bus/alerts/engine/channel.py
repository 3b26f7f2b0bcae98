"""A channel: what carries messages about alerts to people, and what it answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.alert_state import Flip
from bus.domain.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What people are to hear of one alert. `hides`: how many alerts it is the cause of; `instead_of`: a channel."""

    number: int
    alert_number: int
    flip: Flip
    severity: Severity
    alert: Alert
    title: Text
    page: str
    opened_at: datetime
    closed_at: datetime | None = None
    drill: bool = False
    hides: int = 0
    instead_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMessage:
    """One message: one notice, or a digest of many. The most urgent is the first."""

    notices: Sequence[Notice]

    @property
    def digest(self) -> bool:
        """Say whether it is about several alerts."""
        return len(self.notices) > 1

    @property
    def key(self) -> str:
        """Name it by what is in it: the same when it is sent again as it was."""
        named = [
            (one.number, one.alert.rule.value, one.alert.about, one.flip.value, one.opened_at) for one in self.notices
        ]
        return f"alerts-{hashlib.sha256(repr(named).encode()).hexdigest()[:32]}"

    @property
    def calls_people(self) -> bool:
        """Say whether people are to be called by name: for a P1 that is open, not for one that is over."""
        return any(one.severity is Severity.P1 and one.flip is not Flip.CLOSED for one in self.notices)


class NotSent(Exception):
    """The channel has not taken a message, and why, without any secret. `retry_after_s`: it takes nothing before."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.why, self.retry_after_s = why, retry_after_s


class Channel(Protocol):
    """One channel. An answer that it does not know counts as not sent."""

    async def send(self, message: ChannelMessage) -> None:
        """Send within 10 s. Raises NotSent."""

    async def close(self) -> None:
        """Let go of connections; idempotent."""


@runtime_checkable
class RefreshedChannel(Channel, Protocol):
    """A channel that forgets what it is not sent again: it is handed all that is open, and what closed lately."""

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """Send all of them within 10 s. Raises NotSent."""
