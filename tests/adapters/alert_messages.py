"""Messages about alerts, as channels are handed them."""

from datetime import UTC, datetime

import pytest

from bus.alerts.alert import Alert, Severity
from bus.alerts.engine.alert_state import Flip
from bus.alerts.engine.channel import Channel, ChannelMessage, Notice, NotSent
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text

NOW = datetime(2026, 1, 18, 3, 0, tzinfo=UTC)


def notice(
    number: int = 1,
    *,
    flip: Flip = Flip.OPENED,
    severity: Severity = Severity.P1,
    words: str = "有死信",
    about: str = "",
) -> Notice:
    """Make a notice."""
    return Notice(
        number=number,
        alert_number=number,
        flip=flip,
        severity=severity,
        alert=Alert(rule=RuleName.DEAD_LETTER, about=about or f"erp {number}", zh=words, en="a letter"),
        title=Text("有死信", "a dead letter"),
        page="docs/alerts.md#letter",
        opened_at=NOW,
        closed_at=NOW if flip is Flip.CLOSED else None,
    )


def message(*notices: Notice) -> ChannelMessage:
    """Make a message."""
    return ChannelMessage(notices=notices or [notice()])


async def refusal(channel: Channel, sent: ChannelMessage) -> NotSent:
    """Send what is not taken, and give why."""
    with pytest.raises(NotSent) as failed:
        await channel.send(sent)
    return failed.value
