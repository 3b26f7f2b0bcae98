"""Records of alerts on `bus.alerts`: what people were to hear of each. Pure."""

from collections.abc import Callable
from datetime import datetime

from bus.alerts.alert_json import alert_json
from bus.alerts.engine.advance import Change
from bus.outbox.record import OutboxRecord
from schemas.messages import AlertFlipped
from schemas.topics import ALERTS

Encode = Callable[[AlertFlipped], bytes]


def changed(change: Change, encode: Encode, at: datetime) -> OutboxRecord:
    """Make the record of what people hear of an alert; its key is the rule."""
    state, flip = change.state, change.flip
    assert flip is not None, "people hear of it"
    words = alert_json(state.alert)
    record = AlertFlipped(
        rule=state.alert.rule.value,
        about=state.alert.about,
        severity=state.severity.value,
        flip=flip.value,
        zh=words["zh"],
        en=words["en"],
        mend=words["mend"],
        ticket_id=state.alert.ticket_id,
        trace_id=state.alert.trace_id,
        opened_at=state.opened_at or state.seen_at,
        closed_at=state.closed_at,
        drill=state.drill,
    )
    return OutboxRecord(topic=ALERTS, key=record.rule, value=encode(record), timestamp=at)
