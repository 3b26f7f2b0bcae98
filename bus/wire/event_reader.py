"""Reads ticket events; a record that cannot be read is stored as rejected input and skipped."""

from typing import Any

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.wire.codec import event_json
from bus.wire.record import Record
from bus.wire.record_reader import RecordReader


class EventReader(RecordReader[Recorded]):
    """Reads ticket events; one with NUL in its envelope is rejected, for no table takes it."""

    __slots__ = ()

    def item(self, record: Record) -> Recorded:
        """Give the event that a record holds. Raises MalformedInput."""
        recorded = RecordReader.item(self, record)
        if "\0" in f"{recorded.ticket_id}{recorded.trace_id}{recorded.source}{recorded.actor}":
            raise MalformedInput("nul", "envelope", "事件信封含 NUL 字符", "the event's envelope holds NUL")
        return recorded

    def as_json(self, item: Recorded) -> dict[str, Any]:
        """Give an event as plain JSON values, its envelope included."""
        return event_json(item)
