"""The direct path: alerts that PostgreSQL cannot take now go straight to the channels, each once in a while."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bus.alerts.alert import Alert
from bus.alerts.engine import metrics
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Fingerprint, Flip
from bus.alerts.engine.alerts_config import AlertsConfig
from bus.alerts.engine.channel import Channel, ChannelMessage, Notice
from bus.alerts.engine.host_turn import HostTurn
from bus.alerts.engine.notifier import sent_or_why
from bus.alerts.report_queue import DirectlySent
from bus.alerts.rule import AnyRule
from bus.alerts.rule_names import RuleName

SEEN_BY_ALL: Final = frozenset({RuleName.DATABASE_AWAY})
TURN_KEPT_FOR: Final = timedelta(seconds=30)  # the others find PostgreSQL again meanwhile
AGAIN_AFTER: Final = timedelta(minutes=10)
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class DirectPath:
    """Sends without a store: what was sent is remembered in memory, so each program tells people once.

    Of what all programs of a host see alike, `turn` lets one of them speak.
    """

    config: AlertsConfig
    channels: Mapping[str, Channel]
    rules: Mapping[str, AnyRule]
    now: Callable[[], datetime]
    turn: HostTurn = field(default_factory=lambda: HostTurn(path=None))
    _sent: dict[Fingerprint, datetime] = field(default_factory=dict)
    _unstored: dict[Fingerprint, AlertState] = field(default_factory=dict)
    _back_at: datetime | None = None

    async def send(self, alerts: Sequence[Alert]) -> Sequence[DirectlySent]:
        """Send alerts that were not sent within ten minutes, one message a channel; its second takes over at once.

        Gives which channel took which of them.
        """
        now = self.now()
        self._sent = {fingerprint: at for fingerprint, at in self._sent.items() if now - at < AGAIN_AFTER}
        states = [self._state(one, now) for one in alerts if one.rule not in SEEN_BY_ALL or self.turn.take()]
        fresh = [one for one in states if self._is_news(one, now)]
        taken = await self._send([Change(state=one, flip=self._flip(one)) for one in fresh])
        for one in fresh:
            self._sent[one.fingerprint] = now
            metrics.DIRECT.labels(one.alert.rule.value).inc()
            if one.alert.rule in SEEN_BY_ALL:  # all others are stored once it is back, and close there
                self._unstored.setdefault(one.fingerprint, one)
                self._back_at = None
                if not taken:
                    self.turn.leave()  # no channel has taken it from here: another program may try
        return taken

    def _is_news(self, state: AlertState, now: datetime) -> bool:
        """Say whether it was not sent lately, or has begun anew since, and people have had a while to look."""
        sent_at, since = self._sent.get(state.fingerprint), state.alert.since
        if sent_at is None:
            return True
        return since is not None and since > sent_at and now - sent_at >= self.rules[state.alert.rule.value].close_after

    def _flip(self, state: AlertState) -> Flip:
        return Flip.REOPENED if state.fingerprint in self._sent else Flip.OPENED

    async def recovered(self) -> None:
        """Say once that PostgreSQL is back, where it was said that it is away."""
        ended, self._unstored, now = [*self._unstored.values()], {}, self.now()
        self._back_at = now if ended else self._back_at
        for one in ended:  # the next time is heard of again, however soon
            self._sent.pop(one.fingerprint, None)
        closed = [replace(one, closed_at=now) for one in ended]
        await self._send([Change(state=one, flip=Flip.CLOSED) for one in closed])
        if self._back_at and now - self._back_at >= TURN_KEPT_FOR:
            self.turn.leave()
            self._back_at = None

    async def _send(self, changes: Sequence[Change]) -> list[DirectlySent]:
        taken = list[DirectlySent]()
        for name in dict.fromkeys(name for one in changes for name in self.config.channels_of(one)):
            mine = [one for one in changes if name in self.config.channels_of(one)]
            channel = await self._to(name, ChannelMessage(notices=[self._notice(one) for one in mine]))
            if channel is not None:
                taken += [directly_sent(one.state, channel) for one in mine]
        return taken

    async def _to(self, name: str, message: ChannelMessage) -> str | None:
        """Send a message to a channel, or else to its second, and give which has taken it."""
        second = self.config.channels[name].second
        for channel in (name, second) if second else (name,):
            problem = await sent_or_why(self.channels[channel], message)
            metrics.MESSAGES.labels(channel, "failed" if problem else "sent").inc()
            if problem is None:
                return channel
            log.error("alert_not_sent", channel=channel, cause=problem.why)
        return None

    def _state(self, alert: Alert, now: datetime) -> AlertState:
        severity = alert.severity or self.rules[alert.rule.value].severity
        return AlertState(alert=alert, severity=severity, seen_at=now, opened_at=now)

    def _notice(self, change: Change) -> Notice:
        state = change.state
        rule = self.rules[state.alert.rule.value]
        assert change.flip, "it is sent"
        return Notice(
            number=0,
            alert_number=0,
            flip=change.flip,
            severity=state.severity,
            alert=state.alert,
            title=rule.title,
            page=rule.page,
            opened_at=state.seen_at,
            closed_at=state.closed_at,
        )


def directly_sent(state: AlertState, channel: str) -> DirectlySent:
    """Say that a channel has taken an alert. Pure."""
    rule, about = state.fingerprint
    return DirectlySent(rule=rule, about=about, channel=channel, severity=state.severity)
