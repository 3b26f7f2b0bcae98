"""Archives a month: its closed tickets' events into a file, the file compared, then the partition replaced at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, LiteralString

from psycopg.sql import SQL, Composed, Identifier, Literal

from bus.archive.reader import parquet_files
from bus.archive.replacing import (
    NotArchived,
    check_count,
    check_sealed,
    let_go_of_unsealed,
    mark_of,
    patiently,
    replace_month,
)
from bus.domain.terms import BUS
from bus.domain.text import Text
from bus.domain.time_text import CHINA
from bus.postgres.event_months import EventMonth
from bus.postgres.pool import Connection, Pool, guard
from schemas.topics import LOG

ONE_AT_A_TIME: Final = "archive"
_BEHIND: Final[LiteralString] = """
WITH old AS (
    SELECT shard, max(kafka_offset) AS last FROM outbox
    WHERE topic = %(log)s AND published_at < %(before)s GROUP BY shard)
SELECT DISTINCT s.handler FROM stage_offsets s JOIN old ON old.shard = s.partition
WHERE s.topic = %(records)s AND s.next_offset <= old.last ORDER BY 1"""
# Closed for so long that nothing was recorded of it since, and nothing of it waits anywhere in the bus.
_CHOSEN: Final = SQL("""
DROP TABLE IF EXISTS archiving;
CREATE TEMP TABLE archiving AS
SELECT s.ticket_id, s.state->>'source' AS source
FROM ticket_states s JOIN {month} last USING (ticket_id, version)
WHERE s.state->>'state' = 'closed' AND last.recorded_at < {before}
AND NOT EXISTS (SELECT FROM outbox o WHERE o.published_at IS NULL AND o.ticket_id = s.ticket_id)
AND NOT EXISTS (SELECT FROM delivery_heads h WHERE h.ticket_id = s.ticket_id)
AND NOT EXISTS (SELECT FROM letters l WHERE l.ticket_id = s.ticket_id AND l.state = 'open')
AND NOT EXISTS (SELECT FROM expectations x WHERE x.ticket_id = s.ticket_id AND x.settled_at IS NULL)
AND NOT ({sealed} AND EXISTS (SELECT FROM audit_pending p WHERE p.ticket_id = s.ticket_id));
ALTER TABLE archiving ADD PRIMARY KEY (ticket_id);
ANALYZE archiving""")
_OPEN: Final = SQL("""
DROP TABLE IF EXISTS {open};
CREATE TABLE {open} (LIKE events INCLUDING ALL, CONSTRAINT of_month CHECK ({bounds}));
INSERT INTO {open}
SELECT * FROM {month} e WHERE NOT EXISTS (SELECT FROM archiving a WHERE a.ticket_id = e.ticket_id)""")
_COUNTED: Final = SQL("""
SELECT count(*), count(a.ticket_id), count(DISTINCT e.ticket_id), count(DISTINCT a.ticket_id)
FROM {month} e LEFT JOIN archiving a USING (ticket_id)""")
_SPAN: Final = SQL("""
SELECT (SELECT ticket_id FROM archiving ORDER BY 1 LIMIT 1), (SELECT ticket_id FROM archiving ORDER BY 1 DESC LIMIT 1),
    min(e.recorded_at), max(e.recorded_at) FROM {month} e JOIN archiving USING (ticket_id)""")
_ROWS: Final = SQL("""
SELECT e.ticket_id, e.version, e.event_id, e.ce_type, e.command_id, e.trace_id, e.source, e.occurred_at, e.recorded_at,
    e.historic, e.value
FROM {month} e JOIN archiving USING (ticket_id) ORDER BY e.ticket_id, e.version""")
# What is true whether the month is then archived or not: it may stand before.
_SOURCES: Final = SQL("""
INSERT INTO archived_sources AS s (ticket_id, sources)
SELECT e.ticket_id, array_agg(DISTINCT e.source) FROM {month} e JOIN archiving a USING (ticket_id)
WHERE e.source NOT IN (a.source, {bus}) GROUP BY e.ticket_id
ON CONFLICT (ticket_id) DO UPDATE SET sources = s.sources || excluded.sources""")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedMonth:
    """What the archiving of a month came to: what went, what stays; without `file` nothing went."""

    month: str
    file: str = ""
    tickets: int = 0
    events: int = 0
    tickets_left: int = 0
    events_left: int = 0
    bytes_before: int = 0
    bytes_file: int = 0
    locked_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """A month at the moment of which the file is: events and tickets, in all and those to archive."""

    events_all: int
    events: int
    tickets_all: int
    tickets: int


def is_past(month: EventMonth, now: datetime) -> bool:
    """Say whether no ticket is opened in the month any more. Pure."""
    return month.end <= f"T{now.astimezone(CHINA):%Y%m}"


async def archive_month(
    pool: Pool,
    month: EventMonth,
    before: datetime,
    records: str,
    *,
    now: datetime,
    dry_run: bool = False,
    say: Say = lambda _step: None,
) -> ArchivedMonth:
    """Archive a month's tickets that are closed and of which nothing was recorded since `before`.

    `records`: the broker's name of the log. `say` is called with the name of each step once it is done. Killed at any
    moment, it is run again: the log has all rows until the one transaction that has them in the file alone.
    Raises NotArchived, ArchiveUnreadable, StoreUnavailable.
    """
    if not is_past(month, now):
        raise NotArchived(Text(f"{month.month} 还没有过去", f"{month.month} is not over: tickets are opened in it"))
    async with _alone(pool) as connection:
        names, mark = _names(month), 0
        if not dry_run:
            await let_go_of_unsealed(connection)
            mark = await patiently(connection, partial(mark_of, connection))
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await check_sealed(connection)
            await _check_handlers(connection, before, records)
            sealed = await _choose(connection, names, before)
            counted = await _counted(connection, names)
            made = ArchivedMonth(
                month=month.month,
                tickets=counted.tickets,
                events=counted.events,
                tickets_left=counted.tickets_all - counted.tickets,
                events_left=counted.events_all - counted.events,
                bytes_before=month.bytes,
            )
            say("chosen")
            if dry_run or not counted.tickets:
                return made
            await connection.execute(_OPEN.format(**names))
            row = await _write(connection, names, month, say)
        try:
            await _in_transaction(connection, _SOURCES.format(**names, bus=Literal(BUS)))
            say("sources")
            row |= {"tickets": made.tickets, "events": made.events, "sealed": sealed}
            await check_count(connection, names, counted.events_all)
            say("counted")
            locked_ms = await patiently(connection, partial(replace_month, connection, names, mark, row))
        finally:
            await _in_transaction(connection, SQL("DROP TABLE IF EXISTS {open}").format(**names))
        say("replaced")
        await let_go_of_unsealed(connection)
    return replace(made, file=row["file"], bytes_file=row["bytes"], locked_ms=locked_ms)


@asynccontextmanager
async def _alone(pool: Pool) -> AsyncIterator[Connection]:
    """Borrow a connection, whose session alone archives. Raises NotArchived while another does, StoreUnavailable."""
    async with guard(), pool.connection() as connection:
        locked = await connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (ONE_AT_A_TIME,))
        ((taken,),) = await locked.fetchall()
        await connection.commit()
        if not taken:
            raise NotArchived(Text("另一个归档正在进行", "another `ticketbus archive` is under way"))
        try:
            yield connection
        finally:
            await connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", (ONE_AT_A_TIME,))
            await connection.execute("DROP TABLE IF EXISTS archiving")
            await connection.commit()


def _names(month: EventMonth) -> dict[str, Any]:
    end = SQL("ticket_id < {}").format(Literal(month.end))
    first = SQL("ticket_id >= {} AND ").format(Literal(month.first)) if month.first else SQL("")
    return {
        "month": Identifier(month.name),
        "open": Identifier(f"{month.name}_open"),
        "bounds": first + end,
        "first": Literal(month.first) if month.first else SQL("MINVALUE"),
        "end": Literal(month.end),
    }


async def _check_handlers(connection: Connection, before: datetime, records: str) -> None:
    """Refuse while a stage is so far behind that it may yet ask for what would be archived. Raises NotArchived."""
    asked = {"log": LOG, "records": records, "before": before}
    if behind := [name for (name,) in await (await connection.execute(_BEHIND, asked)).fetchall()]:
        named = ", ".join(behind)
        zh = f"这些处理程序还没有读到 {before:%Y-%m-%d}: {named}"
        en = f"these handlers have not read the log up to {before:%Y-%m-%d}: {named}; see `ticketbus projection list`"
        raise NotArchived(Text(zh, en))


async def _choose(connection: Connection, names: dict[str, Any], before: datetime) -> bool:
    """Name the tickets to archive; gives whether there is an audit tree: then each is sealed."""
    ((sealed,),) = await (await connection.execute("SELECT EXISTS (SELECT FROM audit_leaves)")).fetchall()
    await connection.execute(_CHOSEN.format(**names, before=Literal(before), sealed=Literal(sealed)))
    return bool(sealed)


async def _counted(connection: Connection, names: dict[str, Any]) -> _Counted:
    ((every, events, tickets_all, tickets),) = await (await connection.execute(_COUNTED.format(**names))).fetchall()
    return _Counted(events_all=every, events=events, tickets_all=tickets_all, tickets=tickets)


async def _write(connection: Connection, names: dict[str, Any], month: EventMonth, say: Say) -> dict[str, Any]:
    """Write the file, compared and on the disk; gives the columns of its row."""
    files, folder = parquet_files(), connection.archive
    assert folder is not None, "the pool of a command knows the archive"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ((*span,),) = await (await connection.execute(_SPAN.format(**names))).fetchall()
    path = folder / await _free_name(connection, month)
    try:
        writer = await asyncio.to_thread(files.EventFileWriter, path)
        async with connection.cursor("archive_events", binary=True) as cursor:
            await cursor.execute(_ROWS.format(**names))
            while rows := await cursor.fetchmany(files.GROUP_ROWS):
                await asyncio.to_thread(writer.add, rows)
        say("written")
        digest, size = await asyncio.to_thread(writer.finish)
    except OSError as error:
        raise NotArchived(
            Text(f"无法写入 {path}: {error.strerror}", f"{path} cannot be written: {error.strerror}")
        ) from error
    say("filed")
    of_file = {"file": path.name, "month": month.month, "sha256": digest, "bytes": size}
    return of_file | dict(zip(("first_ticket", "last_ticket", "first_at", "last_at"), span, strict=True))


async def _free_name(connection: Connection, month: EventMonth) -> str:
    """Give the month's first name that no row has; a file that has it is of a run that was killed."""
    taken = {name for (name,) in await (await connection.execute("SELECT file FROM archived_months")).fetchall()}
    names = (f"events-{month.month.replace(' ', '-')}{f'-{n}' if n else ''}.parquet" for n in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


async def _in_transaction(connection: Connection, query: Composed) -> None:
    async with connection.transaction():
        await connection.execute(query)
