"""Exemplars: the trace that a measured time belongs to, from a histogram's bucket to what was slow."""

from typing import Final

TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"


def exemplar_of(traceparent: str) -> dict[str, str] | None:
    """Name trace and span of a W3C trace context; None of what is none. Pure."""
    parts = traceparent.split("-")
    return {TRACE_ID: parts[1], SPAN_ID: parts[2]} if len(parts) == 4 else None
