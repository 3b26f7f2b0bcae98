"""The relay's spans, by the messaging conventions: of a pass, linked to its events, and the events' own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from bus.observability.spans import EventSpan, event_spans, operation
from bus.outbox.outbox_row import OutboxRow
from schemas.topics import LOG


@contextmanager
def sending(topic: str, rows: Sequence[OutboxRow]) -> Iterator[None]:
    """Span the sending of a pass; once it is in the log, the events' own spans end."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.batch.message_count": len(rows),
    }
    events = [row for row in rows if row.version and row.topic == LOG]
    with operation(
        f"send {topic}", kind=SpanKind.PRODUCER, attributes=attributes, linked=lambda: (e.traceparent for e in events)
    ) as span:
        yield
        if span.is_recording():
            event_spans(map(_event_span, events))


def _event_span(row: OutboxRow) -> EventSpan:
    """Give the span that the event's traceparent names: from the decision to its place in the log."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": row.topic,
        "messaging.message.id": str(row.event_id),
        "ticketbus.ticket": row.ticket_id,
    }
    return EventSpan(f"create {row.ce_type}", row.traceparent, row.timestamp, attributes)
