"""Imports a history for real: reads, translates, dispatches in batches, keeps what was refused. Safe to run again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import TypeVar, assert_never

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from adapters.history.map_file import HistoryMap
from adapters.history.rows import Row, read_rows
from adapters.history.table import BoundTable
from adapters.history.translate import IncidentProgress, step, trace_of
from bus.domain.batch_decider import Accepted, CommandResult, Outcome, Refused
from bus.domain.commands import Note, Request
from bus.domain.errors import MalformedInput, Refusal, StoreUnavailable
from bus.intake.dispatch import Dispatcher
from bus.wire.rejected_input import RejectedInput, RejectedInputStore, refused_input

T = TypeVar("T")

BATCH_COMMANDS = 1000
PATIENCE_S = 60.0
ROWS_PER_TURN = 50  # so that the commit of the batch before moves on while this one is translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What an import came to so far. `rows` were read; every other number counts commands, but for `refused_rows`."""

    rows: int = 0
    opened: int = 0
    joined: int = 0
    changed: int = 0
    notes: int = 0
    unchanged: int = 0
    repeated: int = 0
    refused_rows: int = 0
    refused_commands: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    source: str
    dispatcher: Dispatcher
    refused: RejectedInputStore
    patience_s: float


@dataclass(slots=True, kw_only=True)
class _Batch:
    requests: list[Request] = field(default_factory=list)
    origins: list[Row] = field(default_factory=list)  # of each request, the row it comes from
    refused: list[RejectedInput] = field(default_factory=list)
    rows: int = 0


async def import_history(
    lines: Iterable[bytes],
    mapped: HistoryMap,
    dispatcher: Dispatcher,
    refused: RejectedInputStore,
    *,
    batch_size: int = BATCH_COMMANDS,
    patience_s: float = PATIENCE_S,
    on_progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Import a file's rows in order; the next batch is translated while the one before commits.

    Idempotent: rows imported before are repeats, so a run that stopped is simply run again. Waits `patience_s` for a
    store that is away, then raises StoreUnavailable; raises HistoryUnreadable when the file cannot be read further.
    Memory holds one batch and under a kilobyte per incident: an incident that comes back later in the file goes on
    where it stood.
    """
    header, rows = read_rows(lines)
    table = BoundTable(mapped, header)
    aim = _Aim(source=mapped.source, dispatcher=dispatcher, refused=refused, patience_s=patience_s)
    done = Summary()
    committing: asyncio.Task[Summary] | None = None
    try:
        async for batch in _batches(table, rows, batch_size, dispatcher.now()):
            if committing:
                done = await committing
                on_progress(done)
            committing = asyncio.create_task(_commit(batch, done, aim))
        if committing:
            done = await committing
            on_progress(done)
    finally:
        if committing and not committing.done():
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
    return done


async def _batches(table: BoundTable, rows: Iterator[Row], size: int, received_at: datetime) -> AsyncIterator[_Batch]:
    incidents: dict[str, IncidentProgress] = {}
    batch = _Batch()
    for row in rows:
        _take(row, table, incidents, batch, received_at)
        if len(batch.requests) + len(batch.refused) >= size:
            yield batch
            batch = _Batch()
        elif batch.rows % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
    if batch.rows:
        yield batch


def _take(
    row: Row, table: BoundTable, incidents: dict[str, IncidentProgress], batch: _Batch, received_at: datetime
) -> None:
    batch.rows += 1
    source = table.map.source
    try:
        if row.fault:
            raise row.fault
        number = table.number_of(row.values)
    except MalformedInput as fault:
        content = blake2b(row.raw, digest_size=8).hexdigest()
        batch.refused.append(_kept(fault, row, source, source, f"line {row.line} {content}"))
        return
    incidents[number], answer = step(table, incidents.get(number, IncidentProgress()), row, received_at=received_at)
    if isinstance(answer, MalformedInput):
        batch.refused.append(_kept(answer, row, source, number, f"{number}#{incidents[number].ordinal}"))
    else:
        batch.requests += answer
        batch.origins += [row] * len(answer)


async def _commit(batch: _Batch, done: Summary, aim: _Aim) -> Summary:
    outcomes = await _patiently(lambda: aim.dispatcher.dispatch(batch.requests), done, aim.patience_s)
    kept = list(batch.refused)
    done = replace(done, rows=done.rows + batch.rows, refused_rows=done.refused_rows + len(kept))
    for request, row, outcome in zip(batch.requests, batch.origins, outcomes, strict=True):
        done = _counted(done, request, outcome)
        if isinstance(outcome, Refused):
            kept.append(_kept(outcome.error, row, aim.source, request.source_no, str(request.command_id)))
    if kept:
        await _patiently(lambda: aim.refused.keep(kept), done, aim.patience_s)
    return done


async def _patiently(call: Callable[[], Awaitable[T]], done: Summary, patience_s: float) -> T:
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_delay(patience_s),
        reraise=True,
    )
    try:
        async for attempt in retrying:
            with attempt:
                return await call()
    except StoreUnavailable as away:
        raise StoreUnavailable(
            f"the store has been away for {patience_s:.0f} s; {done.rows} rows are in. "
            f"Run the same command again when it is back: what is in stays as it is ({away})"
        ) from away
    raise AssertionError("an attempt answers or raises")


def _counted(done: Summary, request: Request, outcome: Outcome) -> Summary:
    match outcome:
        case Refused():
            return replace(done, refused_commands=done.refused_commands + 1)
        case Accepted(repeated=True):
            return replace(done, repeated=done.repeated + 1)
        case Accepted(answer=CommandResult.OPENED):
            return replace(done, opened=done.opened + 1)
        case Accepted(answer=CommandResult.JOINED):
            return replace(done, joined=done.joined + 1)
        case Accepted(answer=CommandResult.UNCHANGED):
            return replace(done, unchanged=done.unchanged + 1)
        case Accepted() if isinstance(request.command, Note):
            return replace(done, notes=done.notes + 1)
        case Accepted():
            return replace(done, changed=done.changed + 1)
        case _ as unknown:
            assert_never(unknown)


def _kept(refusal: Refusal, row: Row, source: str, number: str, ref: str) -> RejectedInput:
    return refused_input(
        refusal,
        origin=f"import:{source}",
        origin_ref=ref,
        source=source,
        body=row.raw,
        trace_id=trace_of(source, number),
        headers={"line": str(row.line)},
    )
