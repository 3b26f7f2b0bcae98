"""The rule of channels that do not take what they are sent: open while the last messages to one have failed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.notice_store import PASS_ON_AFTER
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import time_text
from bus.postgres.pool import Connection, read_rows

LOOKED_BACK: Final = timedelta(hours=24)  # a channel that nothing is sent to any more is no alert for ever
# The last finished messages of each channel, by its index alone.
_READ: Final = b"""
WITH RECURSIVE channels AS (
    (SELECT channel FROM alert_messages ORDER BY channel LIMIT 1)
    UNION ALL
    SELECT (SELECT m.channel FROM alert_messages m WHERE m.channel > c.channel ORDER BY m.channel LIMIT 1)
    FROM channels c WHERE c.channel IS NOT NULL)
SELECT c.channel, m.begun_at, m.failure FROM channels c CROSS JOIN LATERAL (
    SELECT begun_at, failure FROM alert_messages m
    WHERE m.channel = c.channel AND begun_at > now() - %s::interval AND (sent_at IS NOT NULL OR failure <> '')
    ORDER BY begun_at DESC LIMIT %s) m
WHERE c.channel IS NOT NULL ORDER BY c.channel, m.begun_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedMessage:
    """A message to a channel; an empty failure: it was taken."""

    channel: str
    begun_at: datetime
    failure: str


Messages = Sequence[FinishedMessage]


async def last_messages(connection: Connection) -> Messages:
    """Read the last few messages of each channel, the newest first."""
    return await read_rows(connection, _READ, FinishedMessage, (LOOKED_BACK, PASS_ON_AFTER))


def _failing(messages: Messages, _now: datetime) -> Sequence[Alert]:
    by_channel = defaultdict[str, list[FinishedMessage]](list)
    for one in messages:
        by_channel[one.channel].append(one)
    failing = (found for found in by_channel.values() if all(one.failure for one in found))
    return [_alert(found) for found in failing if len(found) == PASS_ON_AFTER]


def _alert(found: Messages) -> Alert:
    last, since = found[0], time_text(found[-1].begun_at)
    return Alert(
        rule=RuleName.CHANNEL_FAILING,
        about=last.channel,
        zh=f"告警渠道 {last.channel} 自 {since.zh} 起连续 {len(found)} 次发送失败,经它发出的告警"
        f"无人收到:{last.failure}",
        en=f"the last {len(found)} messages to the channel {last.channel} have failed since {since.en}, and nobody "
        f"hears what goes there: {last.failure}",
        mend="ticketbus alerts selftest",
        facts={"channel": last.channel},
    )


def _message(at: datetime, failure: str) -> FinishedMessage:
    return FinishedMessage(channel="sre", begun_at=at, failure=failure)


CHANNEL_FAILING: Final = AlertRule(
    name=RuleName.CHANNEL_FAILING,
    severity=Severity.P1,
    title=Text("告警渠道发送失败", "a channel of alerts fails"),
    read=last_messages,
    evaluate=_failing,
    fires=lambda now: [_message(now, "errcode 93000")] * PASS_ON_AFTER,
    quiet=lambda now: [_message(now, ""), *[_message(now - timedelta(minutes=1), "errcode 45009")] * PASS_ON_AFTER],
)
