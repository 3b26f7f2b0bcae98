"""Span links: a batch's span has links to its records' traces, and none of them as its parent."""

from collections.abc import Iterable
from itertools import islice

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bus.domain.terms import TraceId

LINKS_MAX = 32
_PROPAGATOR = TraceContextTextMapPropagator()


def links(traceparents: Iterable[str]) -> list[Link]:
    """Make links out of W3C trace contexts, of the first 32; what is no trace context gives none."""
    contexts = (_context(one) for one in islice(traceparents, LINKS_MAX))
    return [Link(context) for context in contexts if context.is_valid]


def trace_of(traceparent: str) -> TraceId | None:
    """Read the trace out of a W3C trace context; what is no trace context names none."""
    context = _context(traceparent)
    return TraceId(f"{context.trace_id:032x}") if context.is_valid else None


def _context(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent}, Context())).get_span_context()
