"""The trace context of a request: the span of ours under the caller's, given back on every answer."""

import secrets

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from bus.domain.terms import TraceId
from bus.wire.trace_context import TraceContext

tracer = trace.get_tracer("ticketbus")


def span_under(name: str, parent: TraceContext | None) -> trace.Span:
    """Start the operation's own span, under the caller's when there is one; end it yourself."""
    context = None
    if parent is not None:
        flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
        state = TraceState.from_header([parent.tracestate])
        remote = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), True, flags, state)
        context = trace.set_span_in_context(NonRecordingSpan(remote))
    return tracer.start_span(name, context, kind=trace.SpanKind.SERVER)


def context_of(span: trace.Span, parent: TraceContext | None) -> TraceContext:
    """Tell the operation's context: the span's own, or ids of ours when nobody records spans.

    Whether it is sampled, and the vendors' entries, stay as the caller has them.
    """
    own = span.get_span_context()
    sampled, tracestate = (parent.sampled, parent.tracestate) if parent else (True, "")
    if own.is_valid and span.is_recording():
        return TraceContext(TraceId(f"{own.trace_id:032x}"), f"{own.span_id:016x}", sampled, tracestate)
    trace_id = parent.trace_id if parent else TraceId(secrets.token_hex(16))
    return TraceContext(trace_id, secrets.token_hex(8), sampled, tracestate)
