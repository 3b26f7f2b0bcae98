"""The rows of deliveries in PostgreSQL: per target and ticket in order, claimed by any worker, settled once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from bus.delivery.redrive_counts import count_ends
from bus.domain.delivery_state import FAILURES_KEPT
from bus.domain.errors import InvariantBroken
from bus.domain.terms import TicketId
from bus.domain.values import PLAIN_TRACE, CallerTrace
from bus.postgres.pool import Connection

FRESH = timedelta(seconds=10)  # what became due within this goes before what has waited longer
OLDER_SHARE = 0.25  # of the claims, while older rows wait

# A ticket that somebody works on now goes first, with all that waits before its newest event. What PostgreSQL does not
# hold is nobody's event, whatever the log says: `log verify` tells of it.
_ADD = """
WITH added AS (
    INSERT INTO deliveries (target, ticket_id, version, enqueued_at)
    SELECT target, ticket_id, version, %s
    FROM unnest(%b::text[], %b::text[], %b::int[]) AS w (target, ticket_id, version)
    WHERE EXISTS (SELECT FROM events e WHERE (e.ticket_id, e.version) = (w.ticket_id, w.version))
    ORDER BY target, ticket_id, version ON CONFLICT DO NOTHING RETURNING target, ticket_id, version, enqueued_at)
INSERT INTO delivery_heads AS h (target, ticket_id, version, next_at)
SELECT target, ticket_id, min(version), min(enqueued_at) FROM added
GROUP BY target, ticket_id ORDER BY target, ticket_id
ON CONFLICT (target, ticket_id) DO UPDATE SET next_at = excluded.next_at
WHERE h.attempts = 0 AND NOT h.parked AND h.next_at < excluded.next_at"""

# The attempt is counted before the call, so a crash leaves its outcome as unknown.
# The few that were found go into the update as an array: of a join the planner believes a tenth of all that waits.
_CLAIM = """
WITH kept AS (
    SELECT ticket_id, version, unsure FROM delivery_heads
    WHERE target = %(target)s AND NOT parked AND next_at <= %(fresh)s
    ORDER BY next_at LIMIT %(kept)s FOR UPDATE SKIP LOCKED
), fresh AS (
    SELECT ticket_id, version, unsure FROM delivery_heads
    WHERE target = %(target)s AND NOT parked AND next_at <= %(now)s AND next_at > %(fresh)s
    ORDER BY next_at DESC LIMIT %(most)s - (SELECT count(*) FROM kept) FOR UPDATE SKIP LOCKED
), older AS (
    SELECT ticket_id, version, unsure FROM delivery_heads
    WHERE target = %(target)s AND NOT parked AND next_at <= %(fresh)s
        AND ticket_id <> ALL (ARRAY(SELECT ticket_id FROM kept))
    ORDER BY next_at LIMIT %(most)s - (SELECT count(*) FROM kept) - (SELECT count(*) FROM fresh)
    FOR UPDATE SKIP LOCKED
), mine AS (TABLE kept UNION ALL TABLE fresh UNION ALL TABLE older)
UPDATE delivery_heads h SET next_at = %(lease)s, attempts = h.attempts + 1, unsure = true,
    first_tried_at = coalesce(h.first_tried_at, %(now)s), postponed = NULL
FROM events e
WHERE h.target = %(target)s AND h.ticket_id = ANY (ARRAY(SELECT ticket_id FROM mine))
    AND (e.ticket_id, e.version) = (h.ticket_id, h.version)
RETURNING h.ticket_id, h.version, h.attempts, (SELECT m.unsure FROM mine m WHERE m.ticket_id = h.ticket_id),
    h.failures, coalesce(h.edited, e.value), h.edited IS NOT NULL, h.first_tried_at,
    (SELECT s.trace_sampled FROM ticket_states s WHERE s.ticket_id = h.ticket_id),
    (SELECT s.tracestate FROM ticket_states s WHERE s.ticket_id = h.ticket_id)"""

# A worker slower than its lease, whose row another has claimed since, settles nothing.
_LOCK = """
SELECT h.ticket_id, h.attempts, h.redrive FROM delivery_heads h
JOIN unnest(%b::text[], %b::int[], %b::int[]) AS w (ticket_id, version, attempts)
    ON (w.ticket_id, w.version, w.attempts) = (h.ticket_id, h.version, h.attempts)
WHERE h.target = %s AND NOT h.parked ORDER BY h.ticket_id FOR UPDATE OF h"""
_AGAIN = """
UPDATE delivery_heads h SET next_at = w.next_at, unsure = w.unsure, parked = w.parked,
    redrive = CASE WHEN NOT w.parked THEN h.redrive END,
    failures = CASE WHEN jsonb_array_length(h.failures) < %s THEN h.failures ELSE h.failures - 1 END || w.failure
FROM unnest(%b::text[], %b::timestamptz[], %b::bool[], %b::bool[], %b::jsonb[])
    AS w (ticket_id, next_at, unsure, parked, failure)
WHERE h.target = %s AND h.ticket_id = w.ticket_id"""
_SETTLE = """
UPDATE deliveries d
SET state = w.state, attempts = greatest(d.attempts, w.attempts), reference = w.reference, settled_at = %s,
    first_tried_at = (SELECT h.first_tried_at FROM delivery_heads h
                      WHERE (h.target, h.ticket_id, h.version) = (d.target, d.ticket_id, d.version))
FROM unnest(%b::text[], %b::int[], %b::text[], %b::int[], %b::text[])
    AS w (ticket_id, version, state, attempts, reference)
WHERE d.target = %s AND d.ticket_id = w.ticket_id AND d.version = w.version"""
# The head's lock is held: who adds a delivery for the ticket waits for it, or was here before and is seen.
# Priority is the ticket's newest event, not the row's age.
_ADVANCE = """
WITH next AS (
    SELECT w.ticket_id, (SELECT min(d.version) FROM deliveries d
                         WHERE d.target = %(target)s AND d.ticket_id = w.ticket_id AND d.state = 'waiting') AS version,
        (SELECT d.enqueued_at FROM deliveries d
         WHERE d.target = %(target)s AND d.ticket_id = w.ticket_id AND d.state = 'waiting'
         ORDER BY d.version DESC LIMIT 1) AS newest_at
    FROM unnest(%(ticket_ids)b::text[]) AS w (ticket_id)
), gone AS (
    DELETE FROM delivery_heads h USING next n
    WHERE h.target = %(target)s AND h.ticket_id = n.ticket_id AND n.version IS NULL
)
UPDATE delivery_heads h
SET version = n.version, next_at = least(n.newest_at, %(now)s), attempts = 0, unsure = false, parked = false,
    failures = '[]', edited = NULL, redrive = NULL, first_tried_at = NULL, postponed = NULL
FROM next n WHERE h.target = %(target)s AND h.ticket_id = n.ticket_id AND n.version IS NOT NULL"""
_RELEASE = """
UPDATE delivery_heads h SET parked = false, attempts = 0, failures = '[]', next_at = %s, redrive = %s,
    edited = coalesce(w.edited, h.edited)
FROM unnest(%b::text[], %b::int[], %b::bytea[]) AS w (ticket_id, version, edited)
WHERE h.target = %s AND h.ticket_id = w.ticket_id AND h.version = w.version AND h.parked"""
_LOCK_PARKED = """
SELECT ticket_id FROM delivery_heads WHERE target = %s AND ticket_id = ANY(%s) AND parked
ORDER BY ticket_id FOR UPDATE"""


class DeliveryEnd(StrEnum):
    """How a delivery ended."""

    DONE = "done"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """An event that a target is to have."""

    target: str
    ticket_id: TicketId
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that this worker alone may call until its lease ends; `value`: the event's record, or its mended copy.

    `unsure`: an earlier attempt may have taken effect; its outcome is unknown. `failures`: its first and last ones.
    `until`: the end of the lease, where it was claimed for a call.
    """

    ticket_id: TicketId
    version: int
    attempt: int
    unsure: bool
    failures: Sequence[Mapping[str, Any]]
    value: bytes
    mended: bool = False
    until: datetime | None = None
    first_tried_at: datetime | None = None
    caller_trace: CallerTrace = PLAIN_TRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedClaim:
    """A claim that came to its end."""

    claim: Claim
    how: DeliveryEnd
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedClaim:
    """A claim that failed: due again at `at`, or parked."""

    claim: Claim
    at: datetime
    unsure: bool
    failure: Mapping[str, Any]
    parked: bool = False


async def add(connection: Connection, some: Sequence[NewDelivery], now: datetime) -> None:
    """Let events wait for their targets, in the transaction given. Idempotent; a batch must hold a ticket in order."""
    columns = [[getattr(one, name) for one in some] for name in ("target", "ticket_id", "version")]
    await connection.execute(_ADD, (now, *columns))


async def claim(
    connection: Connection, target: str, most: int, *, now: datetime, lease: timedelta, chance: float = 0.0
) -> list[Claim]:
    """Claim due deliveries, at most one a ticket: those newly due, and a share of the backlog.

    `chance` in [0, 1) rounds that share, so that it also holds over many claims of one row.
    """
    if most < 1:
        return []
    fresh, kept = now - FRESH, int(most * OLDER_SHARE + chance)
    asked = {"target": target, "now": now, "fresh": fresh, "kept": kept, "most": most, "lease": now + lease}
    rows = await (await connection.execute(_CLAIM, asked, binary=True)).fetchall()
    return [
        Claim(
            ticket_id=ticket_id,
            version=version,
            attempt=attempt,
            unsure=unsure,
            failures=failures,
            value=value,
            mended=mended,
            until=now + lease,
            first_tried_at=first_tried_at,
            caller_trace=CallerTrace.of_columns(*trace),
        )
        for ticket_id, version, attempt, unsure, failures, value, mended, first_tried_at, *trace in rows
    ]


async def settle(
    connection: Connection, target: str, ended: Sequence[EndedClaim], again: Sequence[FailedClaim], now: datetime
) -> set[tuple[TicketId, int]]:
    """Settle claims, and let what waited behind them come forward; answers the places of those that still held."""
    claims = [one.claim for one in ended] + [one.claim for one in again]
    if not claims:
        return set()
    columns = ([one.ticket_id for one in claims], [one.version for one in claims], [one.attempt for one in claims])
    rows = await (await connection.execute(_LOCK, (*columns, target))).fetchall()
    redrives: dict[tuple[TicketId, int], int | None] = {(ticket, attempt): by for ticket, attempt, by in rows}
    held = {*redrives}
    await _put_again(connection, target, [one for one in again if place_of(one.claim) in held])
    await _end(connection, target, [one for one in ended if place_of(one.claim) in held], now)
    well = Counter(redrives.get(place_of(one.claim)) for one in ended if one.how is DeliveryEnd.DONE)
    badly = Counter(redrives.get(place_of(one.claim)) for one in ended if one.how is not DeliveryEnd.DONE)
    badly.update(redrives.get(place_of(one.claim)) for one in again if one.parked)
    await count_ends(connection, well, badly)
    return held


def place_of(claim: Claim) -> tuple[TicketId, int]:
    """Name a claim among those of its target: the ticket, and the attempt at its head. Pure."""
    return claim.ticket_id, claim.attempt


async def _put_again(connection: Connection, target: str, again: Sequence[FailedClaim]) -> None:
    if again:
        rows = (
            [one.claim.ticket_id for one in again],
            [one.at for one in again],
            [one.unsure for one in again],
            [one.parked for one in again],
            [Jsonb(dict(one.failure)) for one in again],
        )
        await connection.execute(_AGAIN, (FAILURES_KEPT, *rows, target))


async def _end(connection: Connection, target: str, ended: Sequence[EndedClaim], now: datetime) -> None:
    if ended:
        rows = (
            [one.claim.ticket_id for one in ended],
            [one.claim.version for one in ended],
            [one.how.value for one in ended],
            [one.claim.attempt for one in ended],
            [one.reference for one in ended],
        )
        await _settle(connection, target, rows, now)


async def _settle(connection: Connection, target: str, rows: Sequence[Sequence[Any]], now: datetime) -> None:
    """Write how deliveries ended, and let what waits behind them come forward; their heads are locked."""
    await connection.execute(_SETTLE, (now, *rows, target))
    await advance(connection, target, rows[0], now)


async def advance(connection: Connection, target: str, tickets: Sequence[str], now: datetime) -> None:
    """Let what waits behind settled heads come forward; the heads are locked."""
    await connection.execute(_ADVANCE, {"target": target, "ticket_ids": tickets, "now": now})


async def release(
    connection: Connection,
    target: str,
    parked: Sequence[tuple[str, int, bytes | None]],
    now: datetime,
    *,
    redrive: int | None = None,
) -> None:
    """Let parked deliveries be called again with fresh counts; an unknown outcome stays unknown.

    The bytes are what goes out instead of the event, or None. For `redrive` it is counted how they end.
    """
    await connection.execute(_LOCK_PARKED, (target, [one[0] for one in parked]))
    columns = [[one[place] for one in parked] for place in range(3)]
    released = await connection.execute(_RELEASE, (now, redrive, *columns, target))
    if released.rowcount != len(parked):
        raise InvariantBroken(
            f"{target}: {released.rowcount} of {len(parked)} letters stand at the head of their queue"
        )


async def discard(
    connection: Connection, target: str, parked: Sequence[tuple[str, int]], now: datetime, why: str
) -> None:
    """Settle parked deliveries as never to be made; what waits behind them comes forward."""
    tickets = [one[0] for one in parked]
    await connection.execute(_LOCK_PARKED, (target, tickets))
    count = len(parked)
    rows = (tickets, [one[1] for one in parked], [DeliveryEnd.DISCARDED.value] * count, [0] * count, [why] * count)
    await _settle(connection, target, rows, now)
