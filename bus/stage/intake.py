"""The intake stage: takes raw requests that waited on Kafka and dispatches them, when the database is back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from bus.batch import Accepted, Refused
from bus.codec import Codec
from bus.commands import Request
from bus.dispatch import Dispatcher
from bus.errors import MalformedInput, Refusal
from bus.intake.outcomes import count
from bus.intake.received import refused_delivery, requests_of
from bus.intake.source import SourceAdapter
from bus.log.record import Record
from bus.postgres.pool import Connection
from bus.records import RequestReceived
from bus.refused import RefusedInput, RefusedStore, refused_input

INTAKE_HANDLER = "intake"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A request of a raw one, and its place among the raw one's."""

    received: RequestReceived
    step: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeHandler:
    """Dispatches what waited, a batch in one transaction of its own; what is refused is kept, and the stage goes on.

    Idempotent by command id and by origin: a batch may come again when its offset did not move.
    """

    codec: Codec
    sources: Mapping[str, SourceAdapter]
    dispatcher: Dispatcher
    refused: RefusedStore
    name: str = INTAKE_HANDLER

    async def handle(self, _connection: Connection, records: Sequence[Record]) -> None:
        waiting: list[_Waiting] = []
        refused: list[RefusedInput] = []
        for record in records:
            try:
                received = self._received(record)
            except Refusal as refusal:
                refused.append(_unreadable(refusal, record))
                continue
            try:
                requests = requests_of(received, self.sources)
            except Refusal as refusal:
                refused.append(refused_delivery(refusal, received))
                continue
            waiting += [_Waiting(received=received, step=n, request=one) for n, one in enumerate(requests)]
        accepted = 0
        outcomes = await self.dispatcher.dispatch([one.request for one in waiting])
        for one, outcome in zip(waiting, outcomes, strict=True):
            count(one.request, outcome)
            match outcome:
                case Accepted():
                    accepted += 1
                case Refused(error=error):
                    refused.append(refused_delivery(error, one.received, one.step))
        await self.refused.keep(refused)
        log.info("spooled_requests_dispatched", records=len(records), accepted=accepted, refused=len(refused))

    def _received(self, record: Record) -> RequestReceived:
        if record.value is None:
            raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
        received = self.codec.decode_record(record.value)
        if not isinstance(received, RequestReceived):
            zh, en = "这不是待受理的请求", f"a {type(received).__name__} is no request that waits"
            raise MalformedInput("malformed_record", "schema", zh, en)
        return received


def _unreadable(refusal: Refusal, record: Record) -> RefusedInput:
    return refused_input(
        refusal,
        origin="intake",
        origin_ref=f"{record.topic}/{record.partition}@{record.offset}",
        source=(record.key or b"").decode(errors="replace"),
        body=record.value or b"",
        trace_id="",
    )
