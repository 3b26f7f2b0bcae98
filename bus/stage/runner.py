"""Exactly once: applies records to handlers, effects and offset in one transaction; gaps are read from the log."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog

from bus.alerts.alert import Alert, AlertSink
from bus.alerts.rule_names import RuleName
from bus.domain.errors import BusError, InvariantBroken, StoreUnavailable, Transient, cause_of
from bus.kafka.range_reader import Chunk, RangeReader, ahead
from bus.postgres.pool import Connection, Pool, connected
from bus.stage import metrics, offsets
from bus.stage.handler import Handler
from bus.stage.spans import processing
from bus.wire.headers import counted
from bus.wire.record import Record

CHUNK = 2_000  # records a transaction while reading directly
TRANSACTION_S_MAX = 120.0
# What an error of the database stopped is tried again, twice as late each time.
RETRY_AFTER_S, RETRY_AFTER_S_MAX = 2.0, 60.0
HOLD_S_MAX = 5.0  # longer than this, no handler holds up another of its stage

log = structlog.get_logger()
Place = tuple[str, int]
Answer = TypeVar("Answer")
Leave = Callable[[str, asyncio.Task[Any]], None]  # takes over a handler by its name, and what it is busy with


class _Behind(Exception):
    """The offset in PostgreSQL stands before the records at hand: the range in between is missing."""


class Runner:
    """Runs the handlers of one topic. Safe beside other runners of the same handlers: the offset's row is locked."""

    def __init__(
        self,
        *,
        topic: str,
        pool: Pool,
        reader: RangeReader,
        now: Callable[[], datetime],
        report: AlertSink,
        applied: Callable[[str], None] = lambda _handler: None,
    ) -> None:
        """Keep what it stands on; `applied` is called with a handler's name after each commit of its."""
        self.topic, self._pool, self._reader, self._now, self._report = topic, pool, reader, now, report
        self._applied = applied
        self.positions: dict[Place, int] = {}  # as last seen: PostgreSQL has the last word
        self._stopped: dict[Place, str] = {}
        self._retries: dict[Place, tuple[datetime, float]] = {}  # when, and the pause before it in seconds

    async def take(self, handler: Handler, records: Sequence[Record]) -> set[int]:
        """Give a handler records as they were delivered, in order per partition; repeats are dropped.

        Answers the partitions of which nothing was done because records in between are missing: `catch_up` is wanted
        there. Raises Transient, then the records may be given again.
        """
        due, wanted = [], set()
        for chunk in _chunks(records):
            place = (handler.name, chunk.partition)
            if chunk.end - chunk.start != len(chunk.records):
                wanted.add(chunk.partition)
            elif place not in self._stopped:
                due.append(chunk)
        return wanted | await self._apply(handler, due)

    async def catch_up(
        self,
        handlers: Sequence[Handler],
        ends: Mapping[int, int],
        *,
        reader: RangeReader | None = None,
        progress: Callable[[int], None] = lambda _records: None,
        leave: Leave | None = None,
    ) -> int:
        """Read the log directly, once for all handlers, from their positions up to `ends`; gives the number of records.

        Each poll is a transaction of each handler's own. `reader` is by default the runner's own; a handler slower than
        the others is handed to `leave`. Raises Transient; what took effect until then stays.
        """
        read, reader = 0, reader or self._reader

        def left(name: str, busy: asyncio.Task[Any]) -> None:
            nonlocal handlers
            handlers = [one for one in handlers if one.name != name]
            assert leave
            leave(name, busy)

        while stands := await self._positions_before(handlers, ends):
            starts = {one: min(at for (_, p), at in stands.items() if p == one) for _, one in stands}
            ranges = {partition: (start, ends[partition]) for partition, start in starts.items()}
            async with aclosing(ahead(reader.read_together(self.topic, ranges, most=CHUNK))) as polls:
                async for chunks in polls:
                    follows = {handler.name: self._follow(handler, chunks, stands) for handler in handlers}
                    if not all((await side_by_side(follows, left if leave else None)).values()):
                        break
                    read += sum(len(chunk.records) for chunk in chunks)
                    progress(read)
        return read

    async def _positions_before(self, handlers: Sequence[Handler], ends: Mapping[int, int]) -> dict[Place, int]:
        """Give the positions of handlers before the ends; stopped ones are left out."""
        names = [handler.name for handler in handlers]
        async with connected(self._pool) as connection:
            found = await offsets.positions(connection, names)
        stands = {(one.handler, one.partition): one.next_offset for one in found}
        self.positions |= stands
        for handler in names:
            for partition in ends:
                if (handler, partition) not in stands:
                    raise InvariantBroken(f"{handler} was never begun on partition {partition}")
        return {place: at for place, at in stands.items() if at < ends.get(place[1], 0) and place not in self._stopped}

    async def _follow(self, handler: Handler, chunks: Sequence[Chunk], stands: Mapping[Place, int]) -> bool:
        """Apply what was read to a handler that stood before it; False when it was rewound or stopped meanwhile."""
        places = {(handler.name, chunk.partition): chunk for chunk in chunks}
        due = {place: chunk for place, chunk in places.items() if stands.get(place, chunk.end) < chunk.end}
        if any(place in self._stopped for place in due):
            return False
        behind = await self._apply(handler, list(due.values()))
        for chunk in due.values():
            metrics.READ_DIRECTLY.labels(handler.name).inc(len(chunk.records))
        return not behind and not any(place in self._stopped for place in due)

    def stopped(self, handler: str, partition: int) -> str | None:
        """Give why a handler is stopped on a partition; None if it is not."""
        return self._stopped.get((handler, partition))

    def stops(self) -> list[str]:
        """Name the places where a handler is stopped, each with why."""
        return [f"{handler}/{partition} stopped at {why}" for (handler, partition), why in self._stopped.items()]

    def heed(self, position: offsets.HandlerPosition) -> None:
        """Take over a handler's position from its row, and that it was revived, or is due to be tried again."""
        place = position.handler, position.partition
        self.positions[place] = position.next_offset
        if position.failure is None:
            self._stopped.pop(place, None)
            self._retries.pop(place, None)
            metrics.STOPPED.labels(*place).set(0)
        elif place in self._retries and self._now() >= self._retries[place][0]:
            self._stopped.pop(place, None)

    def forget(self, place: Place) -> None:
        """Drop what is known of a handler on a partition, which another worker has now."""
        del self.positions[place]
        self._stopped.pop(place, None)
        self._retries.pop(place, None)

    async def stop(self, handler: str, partition: int, offset: int, error: Exception) -> None:
        """Stop a handler on a partition and raise an alert; what the database's error stopped is tried again later."""
        why = f"offset {offset}: {cause_of(error)}"
        self._stopped[handler, partition] = why
        if isinstance(error, psycopg.Error):
            _, before = self._retries.get((handler, partition), (None, RETRY_AFTER_S / 2))
            pause = min(2 * before, RETRY_AFTER_S_MAX)
            self._retries[handler, partition] = self._now() + timedelta(seconds=pause), pause
        metrics.STOPPED.labels(handler, partition).set(1)
        if not isinstance(error, BusError):
            log.error("stage_failed", handler=handler, partition=partition, offset=offset, exc_info=error)
        self._report(_stopped(handler, partition, why))
        async with connected(self._pool) as connection:
            await offsets.stop(connection, handler, partition, why)

    async def _apply(self, handler: Handler, chunks: Sequence[Chunk]) -> set[int]:
        """Apply chunks together, or find the chunk at fault; gives the partitions on which the handler is behind."""
        try:
            return await self._apply_together(handler, chunks)
        except Transient:
            raise
        except Exception as error:  # noqa: BLE001 - it is told below, where it is known whose it is
            again, behind = self._apply_alone if len(chunks) > 1 else partial(self._narrow, error=error), set[int]()
            for chunk in chunks:
                try:
                    await again(handler, chunk)
                except _Behind:
                    behind.add(chunk.partition)
            return behind

    async def _apply_alone(self, handler: Handler, chunk: Chunk) -> None:
        """Apply a chunk; a record that cannot be applied stops the handler before it. Raises Transient, _Behind."""
        try:
            if await self._apply_together(handler, [chunk]):
                raise _Behind
        except (Transient, _Behind):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this handler's on this partition: others go on
            await self._narrow(handler, chunk, error)

    async def _narrow(self, handler: Handler, chunk: Chunk, error: Exception) -> None:
        """Halve a chunk that failed until the culprit is alone: what stands before it is sound, and takes effect."""
        place, records = (handler.name, chunk.partition), chunk.records
        if len(records) < 2:
            await self.stop(*place, records[0].offset if records else chunk.start, error)
            return
        half = len(records) // 2
        middle = records[half].offset
        await self._apply_alone(handler, replace(chunk, end=middle, records=records[:half]))
        if place not in self._stopped:
            await self._apply_alone(handler, replace(chunk, start=middle, records=records[half:]))

    async def _apply_together(self, handler: Handler, chunks: Sequence[Chunk]) -> set[int]:
        """Apply chunks of several partitions in one transaction; gives those on which the handler is behind."""
        if not chunks:
            return set()
        try:
            async with asyncio.timeout(TRANSACTION_S_MAX), connected(self._pool) as connection:
                next_offsets = await offsets.lock(connection, handler.name, [chunk.partition for chunk in chunks])
                self._learn(handler, next_offsets)
                due = [chunk for chunk in chunks if next_offsets.get(chunk.partition, -1) >= chunk.start]
                fresh = [r for chunk in due for r in chunk.records if r.offset >= next_offsets[chunk.partition]]
                if fresh:
                    with processing(self.topic, handler.name, fresh):
                        await handler.handle(connection, fresh)
                await self._move(connection, handler, due, next_offsets)
        except TimeoutError as error:
            raise StoreUnavailable(f"{handler.name}: no end of the transaction in {TRANSACTION_S_MAX:.0f} s") from error
        self._learn(handler, {chunk.partition: max(chunk.end, next_offsets[chunk.partition]) for chunk in due})
        for chunk in due:
            _tell_missing(handler.name, chunk, next_offsets[chunk.partition])
        metrics.EVENTS.labels(handler.name).inc(counted(record.headers for record in fresh))
        if fresh:
            self._applied(handler.name)
        return {chunk.partition for chunk in chunks} - {chunk.partition for chunk in due}

    def _learn(self, handler: Handler, next_offsets: Mapping[int, int]) -> None:
        self.positions |= {(handler.name, partition): at for partition, at in next_offsets.items()}

    async def _move(
        self, connection: Connection, handler: Handler, chunks: Sequence[Chunk], next_offsets: Mapping[int, int]
    ) -> None:
        moves = [
            offsets.Move(partition=chunk.partition, start=next_offsets[chunk.partition], end=chunk.end)
            for chunk in chunks
            if next_offsets[chunk.partition] < chunk.end
        ]
        if moves:
            await offsets.move(connection, handler.name, moves, at=self._now())


async def side_by_side(
    works: Mapping[str, Coroutine[Any, Any, Answer]], leave: Leave | None = None
) -> dict[str, Answer]:
    """Run coroutines of handlers concurrently and give their results by name; raises the first failure.

    One that takes much longer than the others is handed to `leave`, if given, and not waited for.
    """
    tasks = {asyncio.create_task(work): name for name, work in works.items()}
    try:
        done, late = await asyncio.wait(tasks, timeout=HOLD_S_MAX if leave else None)
        if late and not done:
            done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for task in late:
        assert leave
        leave(tasks[task], task)
    if failed := [error for task in tasks if task in done and (error := task.exception())]:
        raise failed[0]
    return {tasks[task]: task.result() for task in done}


def _stopped(handler: str, partition: int, why: str) -> Alert:
    return Alert(
        rule=RuleName.STAGE_STOPPED,
        about=f"{handler}/{partition}",
        zh=f"处理器 {handler} 在分区 {partition} 停住,其后的事件都在等待:{why}",
        en=f"handler {handler} stands still on partition {partition}, and what follows waits: {why}",
        facts={"handler": handler, "partition": partition},
    )


def _tell_missing(handler: str, chunk: Chunk, stood: int) -> None:
    """Log offsets without records after the handler's position: deleted, compacted, or transaction markers."""
    first = chunk.records[0].offset if chunk.records else chunk.end
    if first > stood:
        metrics.MISSING.labels(handler).inc(first - stood)
        log.warning("offsets_missing", handler=handler, partition=chunk.partition, first=stood, next=first)


def _chunks(records: Sequence[Record]) -> Iterator[Chunk]:
    by_partition: dict[int, list[Record]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record)
    for partition, some in sorted(by_partition.items()):
        yield Chunk(partition=partition, start=some[0].offset, end=some[-1].offset + 1, records=tuple(some))
