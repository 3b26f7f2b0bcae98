"""The consumer's span of a batch, by the messaging conventions: linked to the traces of its records, not under them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from bus.observability.spans import operation
from bus.wire.headers import header
from bus.wire.record import Record


@contextmanager
def processing(topic: str, handler: str, records: Sequence[Record]) -> Iterator[None]:
    """Span the handling of records; ends when the block does, whatever happens."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.batch.message_count": len(records),
        "ticketbus.handler": handler,
    }
    with operation(f"process {topic}", kind=SpanKind.CONSUMER, attributes=attributes, linked=lambda: _parents(records)):
        yield


def _parents(records: Sequence[Record]) -> Iterator[str]:
    return (context for record in records if (context := header(record.headers, "traceparent")))
