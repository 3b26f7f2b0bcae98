"""The consumer's span of a batch, by the messaging conventions: linked to the traces of its records, not under them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from bus.stage.record import Record

LINKS_MAX = 32
_TRACER = trace.get_tracer("ticketbus")
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def processing(topic: str, handler: str, records: Sequence[Record]) -> Iterator[None]:
    """Span the handling of records of one partition; ends when the block does, whatever happens."""
    attributes: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(records[0].partition),
        "messaging.kafka.offset": records[0].offset,
        "messaging.batch.message_count": len(records),
        "ticketbus.handler": handler,
    }
    links = list(_links(records))
    with _TRACER.start_as_current_span(f"process {topic}", kind=SpanKind.CONSUMER, attributes=attributes, links=links):
        yield


def _links(records: Sequence[Record]) -> Iterator[Link]:
    for record in records[:LINKS_MAX]:
        found = next((value for name, value in record.headers if name == "traceparent"), None)
        if found is not None:
            carrier = {"traceparent": found.decode(errors="replace")}
            context = trace.get_current_span(_PROPAGATOR.extract(carrier)).get_span_context()
            if context.is_valid:
                yield Link(context)
