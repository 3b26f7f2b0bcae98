"""A row of the outbox as the relay reads it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from bus.wire.headers import traceparent


class OutboxRow(NamedTuple):
    """A record on its way to one topic: an event's, which has a version, or one with a key and headers of its own."""

    id: int
    shard: int
    topic: str
    ticket_id: str
    version: int | None
    event_id: UUID
    source: str
    ce_type: str
    occurred_at: datetime
    trace_id: str
    trace_sampled: bool
    tracestate: str
    region: str | None
    region_before: str | None
    assignee: str | None
    assignee_before: str | None
    key: str
    headers: Sequence[tuple[str, str]]
    timestamp: datetime
    value: bytes

    @property
    def traceparent(self) -> str:
        """Spell the W3C trace context of its event."""
        return traceparent(self.trace_id, self.event_id, sampled=self.trace_sampled)

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.ticket_id} version {self.version}" if self.version else f"a record of {self.key}"
