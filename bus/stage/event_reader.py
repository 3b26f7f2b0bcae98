"""Ticket events off the log: what cannot be read as one is no event, is kept with its reason, and holds nobody up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bus.codec import UnknownSchema
from bus.errors import MalformedInput
from bus.events import Recorded
from bus.log.record import Record
from bus.refused import RefusedInput
from bus.stage import metrics
from bus.stage.unreadable import unreadable

ORIGIN = "log"
BREATHE_EVERY = 200  # records read between two turns of the event loop
log = structlog.get_logger()


async def nothing_more(_schema_id: int) -> bool:
    """Know no schema but those that the codec was taught."""
    return False


async def nowhere(_inputs: Sequence[RefusedInput]) -> None:
    """Keep nothing: who reads the log a second time need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReader:
    """Reads records for every read model alike, live and rebuilt, so that all pass over the same ones.

    `learn` asks for a schema that `decode` does not know, and raises Transient while the registry is away; `keep` takes
    what is passed over, once per place.
    """

    decode: Callable[[bytes], Recorded]
    learn: Callable[[int], Awaitable[bool]] = nothing_more
    keep: Callable[[Sequence[RefusedInput]], Awaitable[None]] = nowhere

    async def read(self, records: Sequence[Record]) -> list[tuple[Record, Recorded]]:
        """Read what are ticket events, in order. Raises Transient."""
        found = []
        for number, record in enumerate(records):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            try:
                found.append((record, await self._event(record)))
            except MalformedInput as refusal:
                await self.pass_over(record, refusal)
        return found

    async def pass_over(self, record: Record, refusal: MalformedInput) -> None:
        """Keep a record that is no event, and say so loudly. Raises StoreUnavailable."""
        place = f"{record.topic}/{record.partition}@{record.offset}"
        metrics.PASSED_OVER.inc()
        log.error("record_passed_over", place=place, code=refusal.code, field=refusal.field)
        await self.keep([unreadable(refusal, record, origin=ORIGIN)])

    async def _event(self, record: Record) -> Recorded:
        if record.value is None:
            raise MalformedInput("empty_record", "value", "记录没有内容", "the record is empty")
        try:
            return self.decode(record.value)
        except UnknownSchema as unknown:
            if not await self.learn(unknown.schema_id):
                raise
        return self.decode(record.value)
