"""The topic of raw requests that waited on Kafka while the database was away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bus.domain.commands import Request
from bus.domain.errors import MalformedInput, Refusal
from bus.intake.from_raw_request import refused_delivery, requests_of
from bus.intake.source_adapter import Source
from bus.wire.codec import Codec
from bus.wire.mac import MAC, is_authentic
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput
from bus.wire.undecodable import read_value, unreadable
from schemas.messages import RequestReceived

INTAKE_HANDLER = "intake"
SPOOL_PART = "intake spool"  # what a gateway's heartbeat calls it


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeTranslator:
    """Reads a raw request as the gateway does; rejected input is kept under its route."""

    codec: Codec
    sources: Mapping[str, Source]
    secrets: Sequence[bytes] = ()

    def requests(self, record: Record) -> Sequence[Request]:
        return requests_of(self._received(record), self.sources)

    def refused(self, refusal: Refusal, record: Record, step: int) -> RejectedInput:
        try:
            received = self._received(record)
        except MalformedInput:  # also of a record that nobody proved: what it says of its source is not believed
            return unreadable(refusal, record, origin=INTAKE_HANDLER)
        return refused_delivery(refusal, received, step)

    def _received(self, record: Record) -> RequestReceived:
        if record.value and not is_authentic(self.secrets, record.value, record.headers):
            zh, en = "记录不是网关所写", "no gateway of this bus wrote this record"
            raise MalformedInput("not_authentic", MAC, zh, en)
        return read_value(self.codec, record, RequestReceived)
