"""An event on its way to subscribers: decoded once, however many read it."""

from functools import cached_property

import orjson
import structlog

from bus.codec import Codec, event_json
from bus.errors import BusError, MalformedInput
from bus.gateway import metrics
from bus.gateway.log_source import Place
from bus.gateway.problems import body_of
from bus.headers import header
from bus.log.record import Record

log = structlog.get_logger()


class StreamEvent:
    """A record with what the stream needs of it; the body is made when the first subscriber wants it."""

    def __init__(self, record: Record, codec: Codec) -> None:
        """Read the headers alone."""
        self.record, self._codec = record, codec
        self.place = Place(record.topic, record.partition)
        self.ticket_id = header(record.headers, "ce_subject") or ""
        version = header(record.headers, "ticket-version") or ""
        self.version = int(version) if version.isascii() and version.isdigit() else 0

    def frame(self, cursor: str) -> str:
        """Give the frame for a subscriber that stands at `cursor` after this event."""
        kind, rest = self._halves
        return f'{{"kind":"{kind}","topic":"{self.place.topic}","cursor":"{cursor}",{rest}'

    @cached_property
    def _halves(self) -> tuple[str, str]:
        try:
            return "event", orjson.dumps(self._content()).decode()[1:]
        except MalformedInput as malformed:
            return "error", orjson.dumps(self._unreadable(malformed), default=str).decode()[1:]

    def _content(self) -> dict[str, object]:
        recorded = self._codec.decode(self.record.value or b"")
        headers = self.record.headers
        return {
            "ce": {name: header(headers, f"ce_{name}") for name in ("id", "source", "type", "subject", "time")},
            "traceparent": header(headers, "traceparent"),
            "ticket_version": recorded.version,
            "data": event_json(recorded),
        }

    def _unreadable(self, malformed: BusError) -> dict[str, object]:
        """Say that a record of the log cannot be read: nobody is left to think that there was none."""
        metrics.STREAM_UNREADABLE.labels(self.place.topic).inc()
        log.error("a record of the log cannot be read", topic=self.place.topic, partition=self.place.partition,
                  offset=self.record.offset)  # fmt: skip
        where = {"partition": self.place.partition, "offset": self.record.offset}
        return {**body_of(malformed, ""), **where}
