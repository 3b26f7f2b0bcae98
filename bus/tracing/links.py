"""Links from a span to the tickets' traces: a batch is linked to its records, never put under one of them."""

from collections.abc import Iterable
from itertools import islice

from opentelemetry import trace
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

LINKS_MAX = 32
_PROPAGATOR = TraceContextTextMapPropagator()


def links(traceparents: Iterable[str]) -> list[Link]:
    """Make links out of W3C trace contexts, of the first 32; what is no trace context gives none."""
    contexts = (
        trace.get_current_span(_PROPAGATOR.extract({"traceparent": one})).get_span_context()
        for one in islice(traceparents, LINKS_MAX)
    )
    return [Link(context) for context in contexts if context.is_valid]
