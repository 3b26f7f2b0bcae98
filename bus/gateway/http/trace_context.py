"""W3C trace context of a request: taken from the caller or begun here, and given back on every answer."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from bus.domain.terms import TraceId

tracer = trace.get_tracer("ticketbus")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace and one span of it, both lower-case hex."""

    trace_id: TraceId
    span_id: str

    @property
    def traceparent(self) -> str:
        """Spell it as the header has it, sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def parse(header: str | None) -> TraceContext | None:
    """Read a traceparent; what is not valid counts as none, as the standard asks. Pure."""
    found = _TRACEPARENT.fullmatch((header or "").strip())
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return TraceContext(TraceId(found[2]), found[3])


def parent_of(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Find the caller's context among raw headers; several contradict each other, so they count as none. Pure."""
    found = [value.decode("latin-1") for name, value in headers if name.lower() == b"traceparent"]
    return parse(found[0]) if len(found) == 1 else None


def span_under(name: str, parent: TraceContext | None) -> trace.Span:
    """Start the operation's own span, under the caller's when there is one; end it yourself."""
    context = None
    if parent is not None:
        remote = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), True, TraceFlags(TraceFlags.SAMPLED))
        context = trace.set_span_in_context(NonRecordingSpan(remote))
    return tracer.start_span(name, context, kind=trace.SpanKind.SERVER)


def context_of(span: trace.Span, parent: TraceContext | None) -> TraceContext:
    """Tell the operation's context: the span's own, or ids of ours when nobody records spans."""
    own = span.get_span_context()
    if own.is_valid and span.is_recording():
        return TraceContext(TraceId(f"{own.trace_id:032x}"), f"{own.span_id:016x}")
    return TraceContext(parent.trace_id if parent else TraceId(secrets.token_hex(16)), secrets.token_hex(8))
