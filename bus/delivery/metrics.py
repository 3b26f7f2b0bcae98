"""What deliveries count, per target."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram

from bus.observability.exemplars import exemplar_of

CALLS = Counter("ticketbus_delivery_calls", "Calls to a target by how they ended", ["target", "outcome"])
CALL_SECONDS = Histogram("ticketbus_delivery_call_seconds", "How long calls to a target took", ["target"])
UNDER_WAY = Gauge("ticketbus_delivery_under_way", "Calls to a target under way in this process", ["target"])
BREAKER_OPEN = Gauge(
    "ticketbus_delivery_breaker_open",
    "1 while only probes go to a target, for its failures",
    ["target"],
)
PARKED = Counter("ticketbus_delivery_parked", "Deliveries that became dead letters", ["target", "reason"])
REFUSED = Counter(
    "ticketbus_delivery_commands_refused", "What a target told and the domain refused", ["target", "code"]
)
WAITING = Gauge("ticketbus_delivery_waiting", "Deliveries that are not settled, without letters", ["target"])
LETTERS = Gauge("ticketbus_delivery_letters", "Tickets held up by a dead letter", ["target"])
OLDEST_SECONDS = Gauge("ticketbus_delivery_oldest_seconds", "How long the oldest delivery has waited", ["target"])


@contextmanager
def timed(target: str, traceparent: str) -> Iterator[None]:
    """Count how long a call to a target takes, with the trace that it belongs to."""
    began = perf_counter()
    try:
        yield
    finally:
        CALL_SECONDS.labels(target).observe(perf_counter() - began, exemplar_of(traceparent))
