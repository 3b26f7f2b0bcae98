"""The consumer's span of a batch, by the messaging conventions: linked to the traces of its records, not under them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from bus.observability.trace_links import links
from bus.wire.headers import header
from bus.wire.record import Record

_TRACER = trace.get_tracer("ticketbus")


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
    parents = (context for record in records if (context := header(record.headers, "traceparent")))
    with _TRACER.start_as_current_span(
        f"process {topic}", kind=SpanKind.CONSUMER, attributes=attributes, links=links(parents)
    ):
        yield
