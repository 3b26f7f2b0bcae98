"""An event for subscribers: decoded and serialized once, however many there are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import orjson
import structlog
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from bus.consistency.subscription_filter import TicketContext
from bus.domain.errors import BusError, MalformedInput
from bus.domain.events import Recorded
from bus.domain.terms import is_synthetic
from bus.gateway import metrics
from bus.gateway.http.problems import body_of
from bus.gateway.stream.cursor import write_cursor
from bus.kafka.tail_reader import LOG_APART, Partition, Positions
from bus.wire.codec import event_json
from bus.wire.headers import header, version_of
from bus.wire.record import Record

Decode = Callable[[bytes], Recorded]
log = structlog.get_logger()


@dataclass(frozen=True)
class Frame:
    """What a subscriber is sent: JSON, and the cursor in it; spelled for a transport when the first asks for it."""

    kind: str
    cursor: str
    text: bytes

    @cached_property
    def wire(self) -> bytes:
        """Give it as a whole WebSocket frame."""
        return WireFrame(Opcode.TEXT, self.text).serialize(mask=False)

    @cached_property
    def server_sent(self) -> bytes:
        """Give it as a server-sent event, whose id is the cursor; a frame without one leaves the reader's as it is."""
        named = f"id: {self.cursor}\n" if self.cursor else ""
        return f"{named}event: {self.kind}\ndata: ".encode() + self.text + b"\n\n"


class StreamEvent:
    """A record with what the stream needs of it; the body is made when the first subscriber wants it.

    `after` is the tail's position after this record, and that of every live subscriber.
    """

    def __init__(self, record: Record, decode: Decode, after: Positions | None = None) -> None:
        """Read the headers alone."""
        self.record, self.after, self._decode = record, after or {}, decode
        self.place = Partition(record.topic, record.partition)
        self.bytes = len(record.value or b"")
        self.ticket_id = header(record.headers, "ce_subject") or ""
        self.synthetic = is_synthetic(self.ticket_id)
        self.ce_type = header(record.headers, "ce_type") or ""
        self.version = version_of(record.headers) or 0
        self.context: TicketContext | None = None
        self.context_known = False
        self._frames: dict[frozenset[str], Frame] = {}
        self._noted: set[str] = set()

    def frame_for(self, topics: frozenset[str]) -> Frame:
        """Give the frame for all live subscribers of these topics; it is made once."""
        if topics not in self._frames:
            self._frames[topics] = self.frame(
                {place: self.after[place] for place in self.after if place.topic in topics}
            )
        return self._frames[topics]

    def frame(self, positions: Positions) -> Frame:
        """Give the frame for a subscriber that stands at these positions after this event."""
        kind, rest = self._halves
        cursor = write_cursor(positions)
        text = f'{{"kind":"{kind}","topic":"{self.place.topic}","cursor":"{cursor}",'.encode() + rest
        return Frame(kind, cursor, text)

    def new_to(self, client: str) -> bool:
        """Say whether this is the first push of this event to a client, however many connections it has."""
        known = client in self._noted
        self._noted.add(client)
        return not known

    @cached_property
    def recorded(self) -> Recorded:
        """Decode it, once. Raises MalformedInput."""
        return self._decode(self.record.value or b"")

    @cached_property
    def _halves(self) -> tuple[str, bytes]:
        try:
            return "event", orjson.dumps(self._content())[1:]
        except MalformedInput as malformed:
            return "error", orjson.dumps(self._unreadable(malformed), default=str)[1:]

    def _content(self) -> dict[str, object]:
        recorded = self.recorded
        headers = self.record.headers
        return {
            "ce": {name: header(headers, f"ce_{name}") for name in ("id", "source", "type", "subject", "time")},
            "traceparent": header(headers, "traceparent"),
            **({"tracestate": state} if (state := header(headers, "tracestate")) else {}),
            "ticket_version": recorded.version,
            "data": event_json(recorded),
        }

    def _unreadable(self, malformed: BusError) -> dict[str, object]:
        """Make the frame that says that a record cannot be read: it is not dropped in silence."""
        metrics.STREAM_UNREADABLE.labels(self.place.topic).inc()
        where = {"partition": self.place.partition, "offset": self.record.offset % LOG_APART}
        log.error("a record of the log cannot be read", topic=self.place.topic, **where)
        return {**body_of(malformed, ""), **where}
