"""Imports a history for real: reads, translates, dispatches in batches, keeps what was refused. Safe to run again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, assert_never

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from adapters.history.batches import ImportBatch, batches
from adapters.history.file_order import OrderedRows
from adapters.history.map_file import RowMeaning
from adapters.history.not_taken_over import not_taken_over
from adapters.history.refusal_groups import RefusalGroup, counted
from adapters.history.refusal_limit import RefusalLimit
from adapters.history.refused_rows import RowRefusal, refused_row, stored
from adapters.history.rows import Row
from adapters.history.table import BoundTable
from bus.domain.batch import Accepted, CommandResult, Outcome, ReadSet, Refused
from bus.domain.commands import Note, Request
from bus.domain.errors import CommandRefused, MalformedInput, Refusal, StoreUnavailable
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.intake.dispatch import Dispatcher
from bus.wire.rejected_input import RejectedInputStore

T = TypeVar("T")

BATCH_COMMANDS = 1000
PATIENCE_S = 60.0
OTHER_REPORT = "other_report"  # steps of a report that joined another's ticket: no fault of its row


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What an import came to so far. Numbers of rows are so named, every other counts commands.

    `empty_rows` have nothing in any cell and are not among `rows`. `moved_rows` stood behind a later row of their
    ticket and were put in order; `tied_rows` of such a file have the same place as another. `late_rows` have a time
    before that of the row before, and were taken in with that. `refusals` are refused rows by their first reason, and
    rows that their ticket does not show in the end. `stopped`: why it ended before the end of the file.
    """

    rows: int = 0
    empty_rows: int = 0
    moved_rows: int = 0
    tied_rows: int = 0
    late_rows: int = 0
    opened: int = 0
    joined: int = 0
    changed: int = 0
    notes: int = 0
    unchanged: int = 0
    repeated: int = 0
    refused_rows: int = 0
    refused_commands: int = 0
    refusals: tuple[RefusalGroup, ...] = ()
    stopped: Text | None = None

    @property
    def nothing_taken(self) -> bool:
        """Say whether not one row had an effect, now or before; there may be none."""
        taken = (self.opened, self.joined, self.changed, self.notes, self.unchanged, self.repeated)
        return not any(taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    source: str
    table: BoundTable
    number: int
    limit: RefusalLimit = field(default_factory=RefusalLimit)
    dispatcher: Dispatcher
    refused: RejectedInputStore
    patience_s: float


async def import_history(
    ordered: OrderedRows,
    dispatcher: Dispatcher,
    refused: RejectedInputStore,
    *,
    number: int = 0,
    to_the_end: bool = False,
    batch_size: int = BATCH_COMMANDS,
    patience_s: float = PATIENCE_S,
    on_progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Import a file's rows, ticket by ticket, those of one key by time; the next batch is translated meanwhile.

    Idempotent: rows imported before are repeats, so a run that stopped is simply run again. `number` is kept with each
    refused row. Waits `patience_s` for a store that is away, then raises StoreUnavailable. Stops above the limit of
    refused rows, 100 in a row or 20 % of the last 500, unless `to_the_end`. Memory holds two batches and the last
    row of each ticket that is open under one key.
    """
    aim = _Aim(
        source=ordered.table.map.source,
        table=ordered.table,
        number=number,
        dispatcher=dispatcher,
        refused=refused,
        patience_s=patience_s,
    )
    done = Summary(empty_rows=ordered.empty, moved_rows=ordered.moved, tied_rows=ordered.tied, stopped=ordered.stopped)
    committing: asyncio.Task[Summary] | None = None
    try:
        async for batch in batches(ordered, batch_size, dispatcher.now()):
            if committing:
                done = await committing
                on_progress(done)
                if done.stopped and not ordered.stopped and not to_the_end:
                    return done
            committing = asyncio.create_task(_commit(batch, done, aim))
        if committing:
            done = await committing
            on_progress(done)
    finally:
        if committing and not committing.done():
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
    return done


async def _commit(batch: ImportBatch, done: Summary, aim: _Aim) -> Summary:
    outcomes = await _patiently(lambda: aim.dispatcher.dispatch(batch.requests), done, aim.patience_s)
    kept = list(batch.refused)
    done = replace(
        done,
        rows=done.rows + len(batch.lines),
        late_rows=done.late_rows + batch.late_rows,
        refused_rows=done.refused_rows + len(kept),
    )
    for request, row, outcome in zip(batch.requests, batch.origins, outcomes, strict=True):
        done = _counted(done, request, outcome)
        if isinstance(outcome, Refused) and outcome.error.code != OTHER_REPORT and row.line not in batch.refused_lines:
            batch.refused_lines.add(row.line)  # the first reason is the cause of what follows in the row
            error = _of_row(outcome.error, aim.table)
            kept.append(refused_row(error, row, aim.source, request.source_no, str(request.command_id)))
    kept += await _patiently(lambda: _other_ends(batch, outcomes, aim), done, aim.patience_s)
    if kept:
        encoding = aim.table.map.csv.encoding
        without_cells = [stored(one, aim.table.words, aim.number, encoding) for one in kept]
        await _patiently(lambda: aim.refused.keep(without_cells), done, aim.patience_s)
    refusals = counted(done.refusals, (one.input for one in kept))
    return replace(done, refusals=refusals, stopped=done.stopped or _stopped(batch, aim.limit))


def _of_row(refused: CommandRefused, table: BoundTable) -> Refusal:
    """Say of a row what a refusal says of a delivery: a row has no id that its sender could change."""
    if refused.code != "idempotency_key_reused":
        return refused
    zh = "这一行以前导入过,内容不同;总线保留当时的内容,有变化请作为后面的新行"
    en = "the row was imported before with other content, which stays; what changed since belongs into a row behind it"
    return MalformedInput("imported_otherwise", table.map.columns.number, zh, en)


async def _other_ends(batch: ImportBatch, outcomes: Sequence[Outcome], aim: _Aim) -> list[RowRefusal]:
    """List rows that their ticket does not show now, but for those that are refused anyway.

    Of one row a ticket all are compared; of one a change the last of each report whose steps another's ticket ignored.
    """
    of_rows = _ignored_rows(batch, outcomes)
    if aim.table.map.row is RowMeaning.TICKET:
        pairs = zip(reversed(batch.origins), reversed(outcomes), strict=True)
        first = {row.line: (row, outcome) for row, outcome in pairs if row.line not in batch.refused_lines}
        of_rows |= {line: (row, one.ticket_id) for line, (row, one) in first.items() if isinstance(one, Accepted)}
    ids = tuple(sorted({ticket_id for _, ticket_id in of_rows.values()}))
    if not ids:
        return []
    async with aim.dispatcher.store.transaction() as transaction:
        wanted = ReadSet(opening_names=(), names=(), ticket_ids=ids, command_ids=(), openings=())
        tickets = (await transaction.load(wanted)).tickets
    found = list[RowRefusal]()
    for row, ticket_id in of_rows.values():
        ticket, table = tickets.get(ticket_id), aim.table
        other = not_taken_over(table, table.seen(row.values), ticket) if ticket else None
        if other:
            number = table.number_of(row.values)
            found.append(refused_row(other, row, aim.source, number, f"{number} is otherwise"))
    return found


def _ignored_rows(batch: ImportBatch, outcomes: Sequence[Outcome]) -> dict[int, tuple[Row, TicketId]]:
    """Give the last row of each report whose steps are not its ticket's, by line, with that ticket."""
    last = {
        request.source_no: (row, outcome.error.context["ticket_id"])
        for request, row, outcome in zip(batch.requests, batch.origins, outcomes, strict=True)
        if isinstance(outcome, Refused) and outcome.error.code == OTHER_REPORT
    }
    return {row.line: (row, ticket_id) for row, ticket_id in last.values() if row.line not in batch.refused_lines}


def _stopped(batch: ImportBatch, limit: RefusalLimit) -> Text | None:
    """Say why the import stops with this batch, which is committed, or None."""
    reasons = [limit.above(line, refused=line in batch.refused_lines) for line in batch.lines]
    return next(filter(None, reasons), None)


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
            f"存储 {patience_s:.0f} 秒没有恢复,已导入 {done.rows} 行;恢复后再运行同一命令即可继续 / "
            f"the store has been away for {patience_s:.0f} s; {done.rows} rows are in. "
            f"Run the same command again when it is back: what is in stays as it is ({away})"
        ) from away
    raise AssertionError("an attempt answers or raises")


def _counted(done: Summary, request: Request, outcome: Outcome) -> Summary:
    match outcome:
        case Refused() if outcome.error.code == OTHER_REPORT:
            return replace(done, unchanged=done.unchanged + 1)
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
