"""Spans of the bus's operations, by OpenTelemetry's messaging conventions; without a collector they cost little.

One message's span stands under its event's; that of a batch, or of a repeat, is linked to the events' spans instead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from bus.domain.terms import TraceId

LINKS_MAX: Final = 32
_TRACER = trace.get_tracer("ticketbus")
_PROPAGATOR = TraceContextTextMapPropagator()
_OWN: ContextVar[SpanContext | None] = ContextVar("the ids of the next span", default=None)
Attributes = Mapping[str, AttributeValue]


class EventIds(RandomIdGenerator):
    """Makes ids by chance, but for the span of an event: its traceparent was given away before."""

    def generate_span_id(self) -> int:
        """Make one, of 64 bits."""
        own = _OWN.get()
        return own.span_id if own else super().generate_span_id()

    def generate_trace_id(self) -> int:
        """Make one, of 128 bits."""
        own = _OWN.get()
        return own.trace_id if own else super().generate_trace_id()


class EventSpan(NamedTuple):
    """The span that an event's traceparent names: from the decision to its place in the log."""

    name: str
    traceparent: str
    began_at: datetime
    attributes: Attributes


@contextmanager
def operation(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes,
    under: str = "",
    linked: Callable[[], Iterable[str]] = tuple,
) -> Iterator[Span]:
    """Span a block: under the W3C trace context `under`, or linked to others.

    What the block raises is its error, by its class alone: what it says may hold personal data.
    """
    context = _extract(under) if under else None
    with _TRACER.start_as_current_span(
        name, context, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        link(span, linked)
        try:
            yield span
        except Exception as error:
            failed(span, type(error).__name__)
            raise


def link(span: Span, linked: Callable[[], Iterable[str]]) -> None:
    """Link a span to others, by their W3C trace contexts; asked for only where spans are kept."""
    if span.is_recording():
        for one in links(linked()):
            span.add_link(one.context)


def failed(span: Span, kind: str) -> None:
    """Mark a span as failed by a kind of failure."""
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def past(
    name: str, *, kind: SpanKind, attributes: Attributes, under: str, began_ns: int | None = None, failure: str = ""
) -> None:
    """Keep the span of what ends now, and began at `began_ns` (Unix time), or now, too."""
    span = _TRACER.start_span(name, _extract(under), kind=kind, attributes=attributes, start_time=began_ns)
    if failure:
        failed(span, failure)
    span.end()


def event_spans(events: Iterable[EventSpan]) -> None:
    """Keep the events' own spans, that end now; those of traces that are not sampled are left out."""
    for event in events:
        own = _context(event.traceparent)
        if not own.trace_flags.sampled:
            continue
        token = _OWN.set(own)
        try:
            span = _TRACER.start_span(
                event.name,
                Context(),
                kind=SpanKind.PRODUCER,
                attributes=event.attributes,
                start_time=int(event.began_at.timestamp() * 1e9),
            )
        finally:
            _OWN.reset(token)
        span.end()


def links(traceparents: Iterable[str]) -> list[Link]:
    """Make links out of W3C trace contexts, of the first 32; what is no trace context gives none."""
    contexts = (_context(one) for one in islice(traceparents, LINKS_MAX))
    return [Link(context) for context in contexts if context.is_valid]


def trace_of(traceparent: str) -> TraceId | None:
    """Read the trace out of a W3C trace context; what is no trace context names none."""
    context = _context(traceparent)
    return TraceId(f"{context.trace_id:032x}") if context.is_valid else None


def _extract(traceparent: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def _context(traceparent: str) -> SpanContext:
    return trace.get_current_span(_extract(traceparent)).get_span_context()
