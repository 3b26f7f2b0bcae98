"""The topic of commands that systems put on Kafka themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bus.domain.commands import Request
from bus.domain.errors import MalformedInput, Refusal
from bus.intake.from_kafka_command import request_of
from bus.observability.spans import trace_of
from bus.wire.codec import Codec
from bus.wire.headers import header
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput, refused_input
from bus.wire.trace_context import caller_trace
from bus.wire.undecodable import headers_kept, read_value, unreadable, written_at
from schemas.messages import CommandSent

COMMANDS_HANDLER = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsTranslator:
    """Reads Avro commands of at most `bytes_max`; W3C headers give a new ticket its trace."""

    codec: Codec
    bytes_max: int

    def requests(self, record: Record) -> Sequence[Request]:
        if len(record.value or b"") > self.bytes_max:
            zh, en = f"命令超过 {self.bytes_max} 字节", f"the command is larger than {self.bytes_max} bytes"
            raise MalformedInput("too_large", "value", zh, en)
        return (self._request(record, read_value(self.codec, record, CommandSent)),)

    def refused(self, refusal: Refusal, record: Record, _step: int) -> RejectedInput:
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
            began_at=written_at(record),
        )

    def _request(self, record: Record, sent: CommandSent) -> Request:
        given = {name: header(record.headers, name) or "" for name in ("traceparent", "tracestate")}
        request = request_of(sent, received_at=written_at(record), trace_id=trace_of(given["traceparent"]))
        return replace(request, caller_trace=caller_trace(given, request.trace_id))
