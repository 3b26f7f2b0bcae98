"""What reconciliations came to, in PostgreSQL: the runs, the sources that have a list, and the tickets missing here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from bus.domain.ticket_keys import spellings
from bus.postgres.pool import Connection, read_rows
from bus.postgres.store import columns
from bus.reconcile.compare import BORDER, ListComparison, ListWindow

OVERLAP: Final = 2 * BORDER  # of two windows: what the source lost is not judged near the ends of either
FIRST: Final = timedelta(days=1)  # how far back a source is reconciled that never was
LIST_WITHIN: Final = timedelta(minutes=30)  # a list is read whole by then, or not at all
Settled = Literal["arrived", "opened", "unlisted", "ended"]
_DECLARE: Final = b"""
INSERT INTO source_lists (source) SELECT * FROM unnest(%s::text[]) ORDER BY 1
ON CONFLICT (source) DO UPDATE SET seen_at = clock_timestamp()"""
# One that has begun elsewhere is waited for, unless its worker must have died.
_TURN: Final = b"""
UPDATE source_lists SET begun_at = clock_timestamp()
WHERE source = %s AND begun_at < clock_timestamp() - %s::interval
    AND (ended_at >= begun_at OR begun_at < clock_timestamp() - %s::interval)
RETURNING reconciled_until"""
_NOTE: Final = b"""
INSERT INTO reconciliations (source, by_file, since, until, ended_at, listed, known, buckets, unequal, missing_here,
    missing_there, different, failure)
VALUES (%s, %s, %s, %s, clock_timestamp(), %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""
_NOTE_FAILURE: Final = b"""
INSERT INTO reconciliations (source, by_file, since, until, ended_at, failure)
VALUES (%s, %s, %s, %s, clock_timestamp(), %s)"""
# A comparison of a later time alone leaves a gap, and moves nothing.
_LIST_READ: Final = b"""
UPDATE source_lists SET ended_at = clock_timestamp(), failure = NULL, reconciled_until = CASE
    WHEN %(since)s <= coalesce(reconciled_until - %(overlap)s::interval, %(until)s - %(first)s::interval)
    THEN greatest(reconciled_until, %(until)s) ELSE reconciled_until END
WHERE source = %(source)s"""
_LIST_FAILED: Final = b"UPDATE source_lists SET ended_at = clock_timestamp(), failure = %s WHERE source = %s"
# One that was let go since its source has ended it is missing again only if the source opens it again.
_MISSING: Final = b"""
INSERT INTO missing_tickets (source, reconciliation, source_no, source_at)
SELECT %s, %s, w.source_no, w.source_at
FROM unnest(%s::text[], %s::timestamptz[], %s::bool[]) AS w (source_no, source_at, ended)
WHERE NOT w.ended OR NOT EXISTS (
    SELECT FROM missing_tickets m WHERE (m.source_no, m.source, m.settled) = (w.source_no, %s, 'ended'))
ORDER BY 1, 2, 3
ON CONFLICT (source_no, source) DO UPDATE SET settled_at = NULL, settled = NULL, first_seen_at = clock_timestamp(),
    source_at = excluded.source_at, reconciliation = excluded.reconciliation
WHERE missing_tickets.settled_at IS NOT NULL"""
_ARRIVED: Final = b"""
UPDATE missing_tickets m SET settled_at = clock_timestamp(), settled = 'arrived' FROM ticket_names n
WHERE m.settled_at IS NULL AND n.value = m.source_no AND n.kind = 'source:' || m.source AND n.ticket_id IS NOT NULL"""
_SETTLE: Final = b"""
UPDATE missing_tickets SET settled_at = clock_timestamp(), settled = %s
WHERE source = %s AND source_no = ANY(%s) AND settled_at IS NULL"""
_UNSETTLED: Final = b"""
SELECT m.source_no FROM missing_tickets m JOIN reconciliations r ON r.id = m.reconciliation
WHERE m.source = %s AND m.source_at >= %s AND m.source_at < %s AND m.settled_at IS NULL AND (r.by_file OR NOT %s)"""
_SOURCES: Final = b"""
SELECT CASE WHEN source = '' THEN name ELSE source END FROM clients WHERE role = 'source'
UNION SELECT source FROM source_minutes"""
_NAMED: Final = b"""
SELECT source, source_no, source_at, first_seen_at, settled_at, settled,
    EXISTS (SELECT FROM source_lists l WHERE l.source = m.source) AS has_list FROM missing_tickets m
WHERE source_no = ANY(%s) ORDER BY settled_at NULLS FIRST, first_seen_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTicket:
    """A ticket that its source lists and the bus did not have; `settled`: how that ended, when it has.

    `has_list`: the source can be asked; else the list was a file.
    """

    source: str
    source_no: str
    source_at: datetime
    first_seen_at: datetime
    settled_at: datetime | None
    settled: Settled | None
    has_list: bool

    @property
    def mend(self) -> str:
        """Give the command that opens it."""
        return ingest_command(self.source, self.source_at, has_list=self.has_list)


def ingest_command(source: str, since: datetime, *, has_list: bool) -> str:
    """Give the command that opens what a source lists from a time on. Pure."""
    file = "" if has_list else " --file FILE"
    return f"ticketbus reconcile {source} --since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}{file} --ingest"


async def declare_lists(connection: Connection, sources: Sequence[str]) -> None:
    """Renew that these sources have a list."""
    await connection.execute(_DECLARE, (list(sources),))


async def take_turn(connection: Connection, source: str, every: timedelta) -> tuple[bool, datetime | None]:
    """Say whether a source is due and this worker's to reconcile, and up to when it was reconciled before."""
    row = await (await connection.execute(_TURN, (source, every, 2 * LIST_WITHIN))).fetchone()
    return row is not None, row[0] if row else None


async def note_comparison(
    connection: Connection,
    source: str,
    window: ListWindow,
    found: ListComparison,
    *,
    numbers: Collection[str],
    failure: str | None,
    by_file: bool,
) -> None:
    """Write what a list came to. `numbers`: all that it has; a missing ticket that is not among them is settled.

    `failure`: why it was not judged what the source lost.
    """
    counts = (
        found.listed, found.known, len(found.buckets), len(found.unequal), len(found.missing_here),
        len(found.missing_there), len(found.different), failure,
    )  # fmt: skip
    cursor = await connection.execute(_NOTE, (source, by_file, window.since, window.until, *counts))
    ((number,),) = await cursor.fetchall()
    rows = columns([(one.number, one.at, one.ended) for one in found.missing_here], 3)
    await connection.execute(_MISSING, (source, number, *rows, source))
    # A file may leave out what the source lists: it settles what a file found alone.
    unsettled = await connection.execute(_UNSETTLED, (source, window.since, window.until, by_file))
    unlisted = [one for (one,) in await unsettled.fetchall() if one not in numbers]
    await settle(connection, source, unlisted, "unlisted")
    if not by_file:
        ends = {"source": source, "since": window.since, "until": window.until}
        await connection.execute(_LIST_READ, {**ends, "overlap": OVERLAP, "first": FIRST})


async def note_failure(connection: Connection, source: str, window: ListWindow, why: str, *, by_file: bool) -> None:
    """Write that a list could not be judged, and why: nothing is known by it."""
    await connection.execute(_NOTE_FAILURE, (source, by_file, window.since, window.until, why))
    if not by_file:
        await connection.execute(_LIST_FAILED, (why, source))


async def settle_arrived(connection: Connection) -> None:
    """Settle the missing tickets of all sources that the bus has by now."""
    await connection.execute(_ARRIVED)


async def settle(connection: Connection, source: str, numbers: Sequence[str], how: Settled) -> None:
    """Settle missing tickets: by how they are missing no more."""
    await connection.execute(_SETTLE, (how, source, list(numbers)))


async def sources_seen(connection: Connection) -> Sequence[str]:
    """List the sources that have a token, or have sent something within 29 days."""
    return [name for (name,) in await (await connection.execute(_SOURCES)).fetchall()]


async def missing_named(connection: Connection, anything: str) -> Sequence[MissingTicket]:
    """Give what reconciliations say of a source's number, as typed: the unsettled first; none: never missing."""
    return await read_rows(connection, _NAMED, MissingTicket, (spellings(anything),))
