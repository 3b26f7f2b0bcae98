"""Reads a topic's records; one that cannot be read is stored as rejected input and skipped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from bus.domain.errors import MalformedInput
from bus.wire import metrics
from bus.wire.codec import plain
from bus.wire.json_body import refuse_unstorable
from bus.wire.record import Record
from bus.wire.rejected_input import RejectedInput
from bus.wire.undecodable import place_of, unreadable, value_of

ORIGIN = "log"
BREATHE_EVERY = 200  # records read between two turns of the event loop
Item = TypeVar("Item")
Know = Callable[[Iterable[bytes | None]], Awaitable[None]]
Keep = Callable[[Sequence[RejectedInput]], Awaitable[None]]
Unreadable = tuple[Record, MalformedInput]
log = structlog.get_logger()


async def nothing_more(_values: Iterable[bytes | None]) -> None:
    """Look up no schemas: those of the codec are enough."""


async def nowhere(_inputs: Sequence[RejectedInput]) -> None:
    """Keep nothing: the log was read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReader(Generic[Item]):
    """Reads records the same way for live handlers, rebuild and restore, so that all skip the same ones.

    `decode` gives what a value holds, or raises MalformedInput; `know` looks up schemas that `decode` was not taught,
    and raises Transient while the registry is away; `keep` takes what is passed over, once per place. `deleted` reads
    the key of a record without a value, or raises MalformedInput; a topic that is not compacted has none.
    """

    decode: Callable[[bytes], Item]
    deleted: Callable[[bytes | None], Item] | None = None
    know: Know = nothing_more
    keep: Keep = nowhere

    async def read(self, records: Sequence[Record]) -> list[tuple[Record, Item]]:
        """Read what can be read, in order; the rest is passed over. Raises Transient."""
        await self.know(record.value for record in records)
        found, refused = list[tuple[Record, Item]](), list[Unreadable]()
        for number, record in enumerate(records):
            if number % BREATHE_EVERY == BREATHE_EVERY - 1:
                await asyncio.sleep(0)
            try:
                found.append((record, self.item(record)))
            except MalformedInput as refusal:
                refused.append((record, refusal))
        await self.pass_over(refused)
        return found

    async def pass_over(self, refused: Sequence[Unreadable]) -> None:
        """Store records that cannot be read as rejected input, and log each. Raises StoreUnavailable."""
        if not refused:
            return
        await self.keep([unreadable(refusal, record, origin=ORIGIN) for record, refusal in refused])
        metrics.PASSED_OVER.inc(len(refused))
        for record, refusal in refused:
            log.error("record_passed_over", place=place_of(record), code=refusal.code, field=refusal.field)

    async def storable(self, read: Sequence[tuple[Record, Item]]) -> list[tuple[Record, Item]]:
        """Leave out, and keep, the items that no table takes. Raises StoreUnavailable."""
        kept, refused = list[tuple[Record, Item]](), list[Unreadable]()
        for record, item in read:
            try:
                if record.value is not None:
                    refuse_unstorable(self.as_json(item), "")
            except MalformedInput as refusal:
                refused.append((record, refusal))
            else:
                kept.append((record, item))
        await self.pass_over(refused)
        return kept

    def item(self, record: Record) -> Item:
        """Give what a record holds. Raises MalformedInput."""
        if record.value is None and self.deleted is not None:
            return self.deleted(record.key)
        return self.decode(value_of(record))

    def as_json(self, item: Item) -> dict[str, Any]:
        """Give an item as plain JSON values."""
        return plain(item)
