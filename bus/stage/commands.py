"""The topic of commands that systems put on Kafka themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bus.codec import Codec
from bus.commands import Request
from bus.errors import MalformedInput, Refusal
from bus.headers import header
from bus.intake.sent import request_of
from bus.log.record import Record
from bus.records import CommandSent
from bus.refused import RefusedInput, refused_input
from bus.stage.unreadable import headers_kept, read_value, unreadable
from bus.tracing.links import trace_of

COMMANDS_HANDLER = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsDoor:
    """Reads Avro commands; the record's time is when the bus got it, its `traceparent` the trace of a new ticket."""

    codec: Codec
    now: Callable[[], datetime]

    def requests(self, record: Record) -> Sequence[Request]:
        return (self._request(record, read_value(self.codec, record, CommandSent)),)

    def refused(self, refusal: Refusal, record: Record, _step: int) -> RefusedInput:
        try:
            sent = read_value(self.codec, record, CommandSent)
            request = self._request(record, sent)
        except MalformedInput:
            return unreadable(refusal, record, origin=COMMANDS_HANDLER)
        ticket_id = refusal.context.get("ticket_id")
        return refused_input(
            refusal,
            origin=COMMANDS_HANDLER,
            origin_ref=str(request.command_id),
            source=sent.source,
            body=record.value or b"",
            trace_id=request.trace_id,
            ticket_id=ticket_id if isinstance(ticket_id, str) else None,
            headers=headers_kept(record),
        )

    def _request(self, record: Record, sent: CommandSent) -> Request:
        trace_id = trace_of(header(record.headers, "traceparent") or "")
        return request_of(sent, received_at=self._received_at(record), trace_id=trace_id)

    def _received_at(self, record: Record) -> datetime:
        """Believe the record's time, which its sender set, where it can be true."""
        now = self.now()
        try:
            return min(datetime.fromtimestamp(record.timestamp_ms / 1000, UTC), now) if record.timestamp_ms > 0 else now
        except (OverflowError, ValueError, OSError):
            return now
