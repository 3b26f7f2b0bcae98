"""A page of a ticket's events: so many, and no more bytes than an answer may hold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.domain.events import Recorded
from bus.domain.terms import TraceId

PAGE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsPage:
    """Some events of a ticket in order; `following` is the version after which to go on, None at the last event."""

    trace_id: TraceId
    events: Sequence[Recorded]
    following: int | None


def page_of(trace_id: TraceId, events: Sequence[Recorded], head: int) -> EventsPage:
    """Make the page of events of a ticket whose last version is `head`."""
    last = events[-1].version if events else head
    return EventsPage(trace_id=trace_id, events=events, following=last if last < head else None)
