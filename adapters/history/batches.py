"""Rows into batches of commands: what one transaction takes in, with the rows that they come from and the refused."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from adapters.history.file_order import OrderedRow, OrderedRows
from adapters.history.map_file import RowMeaning
from adapters.history.refused_rows import RowRefusal, refused_row
from adapters.history.rows import Row
from adapters.history.table import BoundTable
from adapters.history.translate import IncidentProgress, step
from bus.domain.commands import Request
from bus.domain.errors import MalformedInput
from bus.intake.dead_letter_limit import IN_A_ROW

BATCH_BYTES = 8 << 20
ROWS_PER_TURN = 50  # so that the commit of the batch before moves on while this one is translated
SIZES_MAX = 5  # so much longer may a batch get, so that tickets of one key are decided together


@dataclass(slots=True, kw_only=True)
class ImportBatch:
    """Commands of some rows, in the order in which they are decided; `since`: where those of the last key begin."""

    requests: list[Request] = field(default_factory=list)
    origins: list[Row] = field(default_factory=list)  # of each request, the row it comes from
    refused: list[RowRefusal] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)  # of each row, the line it begins in
    refused_lines: set[int] = field(default_factory=set)  # of rows that are refused, in whole or in part
    late_rows: int = 0
    bytes: int = 0
    since: int = 0

    def full(self, size: int) -> bool:
        """Say whether it is to be committed; refused rows fill it sooner, so that the limit of them holds."""
        commands = len(self.requests) + len(self.refused)
        return commands >= size or len(self.refused) >= IN_A_ROW or self.bytes >= BATCH_BYTES

    def put_in_order(self) -> None:
        """Put the steps of tickets that share the last key in the order of time; each ticket's stay as they are."""
        latest = dict[str, datetime]()
        timed = list[tuple[datetime, Request, Row]]()
        for request, row in zip(self.requests[self.since :], self.origins[self.since :], strict=True):
            latest[request.source_no] = at = max(request.at, latest.get(request.source_no, request.at))
            timed.append((at, request, row))
        timed.sort(key=lambda one: one[0])
        self.requests[self.since :] = [request for _, request, _ in timed]
        self.origins[self.since :] = [row for _, _, row in timed]
        self.since = len(self.requests)


async def batches(ordered: OrderedRows, size: int, received_at: datetime) -> AsyncIterator[ImportBatch]:
    """Give the rows' commands in batches of `size` and more: tickets of one key stay together, up to SIZES_MAX of it.

    Of rows that are tickets their steps are put in order of time too.
    """
    incident, progress = 0, dict[str, IncidentProgress]()
    batch, tickets = ImportBatch(), ordered.table.map.row is RowMeaning.TICKET
    for one in ordered:
        fresh = one.incident != incident
        full = batch.full(size if fresh else size * SIZES_MAX)
        if tickets and (fresh or full):
            batch.put_in_order()
        if full:
            yield batch
            batch = ImportBatch()
        elif len(batch.lines) % ROWS_PER_TURN == 0:
            await asyncio.sleep(0)
        incident = one.incident
        after = _take(one, ordered.table, progress.pop(one.ticket, IncidentProgress()), batch, received_at)
        if not one.last:
            progress[one.ticket] = after
    if batch.lines:
        if tickets:
            batch.put_in_order()
        yield batch


def _take(
    one: OrderedRow, table: BoundTable, progress: IncidentProgress, batch: ImportBatch, received_at: datetime
) -> IncidentProgress:
    row, source = one.row, table.map.source
    batch.lines.append(row.line)
    batch.bytes += len(row.raw)
    if row.fault:
        content = blake2b(row.raw, digest_size=8).hexdigest()
        batch.refused.append(refused_row(row.fault, row, source, source, f"line {row.line} {content}"))
        batch.refused_lines.add(row.line)
        return progress
    progress, answer = step(table, progress, row, received_at=received_at)
    if isinstance(answer, MalformedInput):
        batch.refused.append(refused_row(answer, row, source, one.ticket, f"{one.ticket}#{progress.ordinal}"))
        batch.refused_lines.add(row.line)
    else:
        batch.requests += answer
        batch.origins += [row] * len(answer)
        batch.late_rows += progress.late
    return progress
