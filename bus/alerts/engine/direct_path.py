"""The direct path: alerts that PostgreSQL cannot take now go straight to the channels, each once in a while."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from bus.alerts.alert import Alert
from bus.alerts.engine import metrics
from bus.alerts.engine.advance import Change
from bus.alerts.engine.alert_state import AlertState, Flip
from bus.alerts.engine.alerts_config import AlertsConfig
from bus.alerts.engine.channel import Channel, ChannelMessage, Notice
from bus.alerts.engine.notifier import sent_or_why
from bus.alerts.rule import AnyRule

AGAIN_AFTER: Final = timedelta(minutes=10)
log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class DirectPath:
    """Sends without a store: what was sent is remembered in memory, so each program may tell people once."""

    config: AlertsConfig
    channels: Mapping[str, Channel]
    rules: Mapping[str, AnyRule]
    now: Callable[[], datetime]
    _sent: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def send(self, alerts: Sequence[Alert]) -> None:
        """Send alerts that were not sent within ten minutes, one message a channel; its second takes over at once."""
        now = self.now()
        self._sent = {key: at for key, at in self._sent.items() if now - at < AGAIN_AFTER}
        fresh = [one for one in alerts if (one.rule.value, one.about) not in self._sent]
        changes = [self._change(one, now) for one in fresh]
        for name in dict.fromkeys(name for one in changes for name in self.config.channels_of(one)):
            mine = [one for one in changes if name in self.config.channels_of(one)]
            await self._to(name, ChannelMessage(notices=[self._notice(one) for one in mine], made_at=now))
        for one in fresh:
            self._sent[(one.rule.value, one.about)] = now
            metrics.DIRECT.labels(one.rule.value).inc()

    async def _to(self, name: str, message: ChannelMessage) -> None:
        second = self.config.channels[name].second
        for channel in (name, second) if second else (name,):
            problem = await sent_or_why(self.channels[channel], message)
            metrics.MESSAGES.labels(channel, "failed" if problem else "sent").inc()
            if problem is None:
                return
            log.error("alert_not_sent", channel=channel, cause=problem.why)

    def _change(self, alert: Alert, now: datetime) -> Change:
        severity = alert.severity or self.rules[alert.rule.value].severity
        state = AlertState(alert=alert, severity=severity, seen_at=now, opened_at=now)
        return Change(state=state, flip=Flip.OPENED)

    def _notice(self, change: Change) -> Notice:
        state = change.state
        rule = self.rules[state.alert.rule.value]
        return Notice(
            number=0,
            alert_number=0,
            flip=Flip.OPENED,
            severity=state.severity,
            alert=state.alert,
            title=rule.title,
            page=rule.page,
            opened_at=state.seen_at,
        )
