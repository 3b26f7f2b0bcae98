"""Ticket events off the log: what cannot be read as one is no event, is kept with its reason, and holds nobody up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import structlog

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.wire import metrics
from bus.wire.codec import event_json
from bus.wire.json_body import refuse_unstorable
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput
from bus.wire.undecodable import place_of, unreadable

ORIGIN = "log"
BREATHE_EVERY = 200  # records read between two turns of the event loop
Refused = tuple[Record, MalformedInput]
log = structlog.get_logger()


async def nothing_more(_values: Iterable[bytes | None]) -> None:
    """Know no schema but those that the codec was taught."""


async def nowhere(_inputs: Sequence[RejectedInput]) -> None:
    """Keep nothing: who reads the log a second time need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReader:
    """Reads records for everybody alike, live, rebuilt and restored, so that all pass over the same ones.

    `know` looks up schemas that `decode` was not taught, and raises Transient while the registry is away; `keep` takes
    what is passed over, once per place.
    """

    decode: Callable[[bytes], Recorded]
    know: Callable[[Iterable[bytes | None]], Awaitable[None]] = nothing_more
    keep: Callable[[Sequence[RejectedInput]], Awaitable[None]] = nowhere

    async def read(self, records: Sequence[Record]) -> list[tuple[Record, Recorded]]:
        """Read what are ticket events, in order. Raises Transient."""
        await self.know(record.value for record in records)
        found, refused = list[tuple[Record, Recorded]](), list[Refused]()
        for number, record in enumerate(records):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            try:
                found.append((record, self._event(record)))
            except MalformedInput as refusal:
                refused.append((record, refusal))
        await self.pass_over(refused)
        return found

    async def pass_over(self, refused: Sequence[Refused]) -> None:
        """Keep records that are no events, and say so loudly. Raises StoreUnavailable."""
        if not refused:
            return
        await self.keep([unreadable(refusal, record, origin=ORIGIN) for record, refusal in refused])
        metrics.PASSED_OVER.inc(len(refused))
        for record, refusal in refused:
            log.error("record_passed_over", place=place_of(record), code=refusal.code, field=refusal.field)

    async def storable(self, events: Sequence[tuple[Record, Recorded]]) -> list[tuple[Record, Recorded]]:
        """Leave out, and keep, the events that no table takes. Raises StoreUnavailable."""
        kept, refused = list[tuple[Record, Recorded]](), list[Refused]()
        for record, one in events:
            try:
                refuse_unstorable(event_json(one), "")
            except MalformedInput as refusal:
                refused.append((record, refusal))
            else:
                kept.append((record, one))
        await self.pass_over(refused)
        return kept

    def _event(self, record: Record) -> Recorded:
        if record.value is None:
            raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
        recorded = self.decode(record.value)
        if "\0" in f"{recorded.ticket_id}{recorded.trace_id}{recorded.source}{recorded.actor}":
            raise MalformedInput("nul", "envelope", "事件信封含 NUL 字符", "the event's envelope holds NUL")
        return recorded
