"""The handler of stages that dispatch records: a batch in one transaction; rejected input is kept."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from bus.domain.batch import Accepted, Refused
from bus.domain.commands import Request
from bus.domain.errors import InvariantBroken, MalformedInput, Refusal
from bus.intake.dead_letter_limit import LAST, above_limit
from bus.intake.dispatch import Dispatcher
from bus.intake.from_raw_request import as_sent
from bus.intake.outcomes import OUTCOMES, count
from bus.intake.source_adapter import Ignored
from bus.postgres.pool import Connection
from bus.wire.headers import RETURNED, check_names, header
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput, RejectedInputStore
from bus.wire.undecodable import place_of, unreadable

log = structlog.get_logger()


class RecordTranslator(Protocol):
    """Turns a topic's records into requests. Pure."""

    def requests(self, record: Record) -> Sequence[Request]:
        """Read what a record wants, in order. Raises Refusal."""
        ...

    def refused(self, refusal: Refusal, record: Record, step: int) -> RejectedInput:
        """Describe what was refused of a record; `step` is its place among the record's requests."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A request of a record, and its place among the record's."""

    record: Record
    step: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchHandler:
    """Dispatches records, a batch in a transaction of its own; rejected input is kept, and the stage goes on.

    What asks for nothing here is passed over and counted.

    Idempotent by command id and by origin: a batch may come again when its offset did not move. `know` looks
    up schemas that the codec was not taught; it raises Transient while the registry is away.
    """

    name: str
    translator: RecordTranslator
    dispatcher: Dispatcher
    refused: RejectedInputStore
    know: Callable[[Iterable[bytes | None]], Awaitable[None]]
    _recent: dict[int, dict[int, bool]] = field(default_factory=dict)  # of a partition's last offsets: a letter or not

    async def handle(self, _connection: Connection, records: Sequence[Record]) -> None:
        await self.dispatch(records)

    async def dispatch(self, records: Sequence[Record]) -> None:
        """Dispatch records, and keep what is refused. Raises StoreUnavailable, and InvariantBroken above the limit."""
        self._pause_above_limit(records)
        await self.know(record.value for record in records)
        waiting: list[_Waiting] = []
        refused: list[RejectedInput] = []
        letters = set[int]()
        for record in records:
            try:
                requests = self._translated(record)
            except Ignored as ignored:
                OUTCOMES.labels("ignored", ignored.code).inc()
                continue
            except Refusal as refusal:
                OUTCOMES.labels("unreadable", refusal.code).inc()
                log.warning(
                    "record_refused",
                    stage=self.name,
                    place=place_of(record),
                    code=refusal.code,
                    field=refusal.field,
                )
                refused.append(self._refused(refusal, record, 0))
                letters.add(id(record))
                continue
            waiting += [_Waiting(record=record, step=n, request=one) for n, one in enumerate(requests)]
        accepted = 0
        outcomes = await self.dispatcher.dispatch([one.request for one in waiting])
        for one, outcome in zip(waiting, outcomes, strict=True):
            count(one.request, outcome)
            match outcome:
                case Accepted():
                    accepted += 1
                case Refused(error=error):
                    refused.append(self._refused(as_sent(error, one.request), one.record, one.step))
                    letters.add(id(one.record))
        await self.refused.keep(refused)
        for record in records:
            if header(record.headers, RETURNED) is None:  # people sent it again: it counts for no limit
                self._recent.setdefault(record.partition, {})[record.offset] = id(record) in letters
        log.info("records_dispatched", stage=self.name, records=len(records), accepted=accepted, refused=len(refused))

    def _translated(self, record: Record) -> Sequence[Request]:
        """Translate a record. Raises Refusal, whatever the translator fails with: one record stops no other."""
        try:
            check_names(record.headers)
            return self.translator.requests(record)
        except Refusal:
            raise
        except Exception as error:
            kind = type(error).__name__
            log.exception("translator_failed", stage=self.name, place=place_of(record))
            zh, en = f"翻译时发生意外错误({kind})", f"the translator failed on it ({kind})"
            raise MalformedInput("translator_failed", "value", zh, en) from error

    def _refused(self, refusal: Refusal, record: Record, step: int) -> RejectedInput:
        """Describe what was refused; by its place alone where the translator cannot even read whose it is."""
        try:
            return self.translator.refused(refusal, record, step)
        except Exception:  # noqa: BLE001 - it was logged when the record was translated
            return unreadable(refusal, record, origin=self.name)

    def _pause_above_limit(self, records: Sequence[Record]) -> None:
        """Stop before the next record of a partition that brings mostly letters. Raises InvariantBroken."""
        for partition in {record.partition for record in records}:
            recent = self._recent.get(partition, {})
            for offset in sorted(recent)[:-LAST]:
                del recent[offset]
            if why := above_limit([recent[offset] for offset in sorted(recent)]):
                if len(records) == 1:  # here the runner stops; when somebody revives it, it is a fresh try
                    recent.clear()
                raise InvariantBroken(f"{why}; 修复来源后重启 worker / mend the source, then start the worker anew")
