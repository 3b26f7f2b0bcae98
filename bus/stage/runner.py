"""Exactly once: moves a handler along a partition, effects and offset in one transaction, gaps read from the log."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bus.errors import BusError, InvariantBroken, StoreUnavailable, Transient
from bus.log.reader import Chunk, LogReader
from bus.log.record import Record
from bus.postgres.pool import Connection, Pool, connected
from bus.stage import metrics, offsets
from bus.stage.handler import Handler
from bus.stage.spans import processing

CHUNK = 2_000  # records a transaction while reading directly
TRANSACTION_S_MAX = 120.0

log = structlog.get_logger()
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """All that the log holds of a partition in [start, end)."""

    partition: int
    start: int
    end: int
    records: Sequence[Record]


class _Behind(Exception):
    """The offset in PostgreSQL stands before the records at hand: the range in between is missing."""


class Runner:
    """Runs the handlers of one topic. Safe beside other runners of the same handlers: the row's lock is the fence."""

    def __init__(self, *, topic: str, pool: Pool, reader: LogReader, now: Callable[[], datetime]) -> None:
        self.topic, self._pool, self._reader, self._now = topic, pool, reader, now
        self._stopped: dict[Place, str] = {}
        self._busy: set[Place] = set()

    async def take(self, handler: Handler, records: Sequence[Record]) -> set[int]:
        """Give a handler records as they were delivered, in order per partition; repeats are dropped.

        Answers the partitions of which nothing was done because records in between are missing, or the handler is being
        caught up: `catch_up` is wanted there. Raises Transient, then the records may be given again.
        """
        spans, wanted = [], set()
        for span in _spans(records):
            place = (handler.name, span.partition)
            if place in self._busy or span.end - span.start != len(span.records):
                wanted.add(span.partition)
            elif place not in self._stopped:
                spans.append(span)
        try:
            return wanted | await self._apply_together(handler, spans)
        except Transient:
            raise
        except Exception:  # noqa: BLE001 - it is told below, where it is known whose it is
            for span in spans:
                try:
                    await self._apply(handler, span)
                except _Behind:
                    wanted.add(span.partition)
            return wanted

    async def catch_up(self, handler: Handler, partition: int, end: int) -> int:
        """Read the log directly from where the handler stands up to `end`; answers how many records took effect.

        Each chunk is a transaction of its own. Raises Transient; what took effect until then stays.
        """
        place = (handler.name, partition)
        self._busy.add(place)
        done = 0
        try:
            while place not in self._stopped and (start := await self._next_offset(place)) < end:
                chunks = self._reader.read(self.topic, partition, start, end, most=CHUNK)
                async with aclosing(chunks):
                    done += await self._follow(handler, partition, chunks)
        finally:
            self._busy.discard(place)
        return done

    async def _follow(self, handler: Handler, partition: int, chunks: AsyncGenerator[Chunk]) -> int:
        done, place = 0, (handler.name, partition)
        async for chunk in chunks:
            self._tell_missing(place, chunk)
            try:
                await self._apply(
                    handler, Span(partition=partition, start=chunk.start, end=chunk.end, records=chunk.records)
                )
            except _Behind:  # rewound meanwhile: a rebuild began
                return done
            if place in self._stopped:
                return done
            metrics.READ_DIRECTLY.labels(handler.name).inc(len(chunk.records))
            done += len(chunk.records)
        return done

    def stopped(self, handler: str, partition: int) -> str | None:
        """Say why a handler stands still on a partition, if it does."""
        return self._stopped.get((handler, partition))

    def heed(self, standing: offsets.Standing) -> None:
        """Learn from the row that a handler was revived."""
        if standing.failure is None and self._stopped.pop((standing.handler, standing.partition), ""):
            metrics.STOPPED.labels(standing.handler, standing.partition).set(0)

    async def stop(self, handler: str, partition: int, offset: int, error: Exception) -> None:
        """Let a handler stand still on a partition and say so loudly; other handlers and partitions go on."""
        known = isinstance(error, BusError)
        what = str(error) if known else type(error).__name__  # others' messages may hold personal data
        why = f"offset {offset}: {what}"
        self._stopped[handler, partition] = why
        metrics.STOPPED.labels(handler, partition).set(1)
        log.error(
            "stage_stopped",
            handler=handler,
            partition=partition,
            offset=offset,
            why=why,
            exc_info=None if known else error,
        )
        async with connected(self._pool) as connection:
            await offsets.stop(connection, handler, partition, why)

    async def _next_offset(self, place: Place) -> int:
        async with connected(self._pool) as connection:
            found = [one for one in await offsets.standing(connection, [place[0]]) if one.partition == place[1]]
        if not found:
            raise InvariantBroken(f"{place[0]} was never begun on partition {place[1]}")
        return found[0].next_offset

    async def _apply(self, handler: Handler, span: Span) -> None:
        """Apply one span; a record that cannot be applied stops the handler before it. Raises Transient, _Behind."""
        place, records = (handler.name, span.partition), span.records
        try:
            if await self._apply_together(handler, [span]):
                raise _Behind
        except (Transient, _Behind):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this handler's on this partition: others go on
            if len(records) < 2:
                await self.stop(*place, records[0].offset if records else span.start, error)
                return
            # What stands before the culprit is sound: halve until the culprit is alone.
            half = len(records) // 2
            middle = records[half].offset
            await self._apply(handler, replace(span, end=middle, records=records[:half]))
            if place not in self._stopped:
                await self._apply(handler, replace(span, start=middle, records=records[half:]))

    async def _apply_together(self, handler: Handler, spans: Sequence[Span]) -> set[int]:
        """Apply spans of several partitions in one transaction; answers those that the handler is behind of."""
        if not spans:
            return set()
        try:
            async with asyncio.timeout(TRANSACTION_S_MAX), connected(self._pool) as connection:
                next_offsets = await offsets.lock(connection, handler.name, [span.partition for span in spans])
                due = [span for span in spans if next_offsets.get(span.partition, -1) >= span.start]
                fresh = [r for span in due for r in span.records if r.offset >= next_offsets[span.partition]]
                if fresh:
                    with processing(self.topic, handler.name, fresh):
                        await handler.handle(connection, fresh)
                await self._move(connection, handler, due, next_offsets)
        except TimeoutError as error:
            raise StoreUnavailable(f"{handler.name}: no end of the transaction in {TRANSACTION_S_MAX:.0f} s") from error
        metrics.EVENTS.labels(handler.name).inc(len(fresh))
        return {span.partition for span in spans} - {span.partition for span in due}

    async def _move(
        self, connection: Connection, handler: Handler, spans: Sequence[Span], next_offsets: Mapping[int, int]
    ) -> None:
        moves = [
            offsets.Move(partition=span.partition, start=next_offsets[span.partition], end=span.end)
            for span in spans
            if next_offsets[span.partition] < span.end
        ]
        if moves:
            await offsets.move(connection, handler.name, moves, at=self._now())

    def _tell_missing(self, place: Place, chunk: Chunk) -> None:
        """Say it when the log holds nothing from where the chunk starts: deleted before it took effect, or markers."""
        first = chunk.records[0].offset if chunk.records else chunk.end
        if first > chunk.start:
            metrics.MISSING.labels(place[0]).inc(first - chunk.start)
            log.warning("offsets_missing", handler=place[0], partition=place[1], first=chunk.start, next=first)


def _spans(records: Sequence[Record]) -> Iterator[Span]:
    by_partition: dict[int, list[Record]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record)
    for partition, some in sorted(by_partition.items()):
        yield Span(partition=partition, start=some[0].offset, end=some[-1].offset + 1, records=some)
