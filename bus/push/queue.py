"""The queue of pushes in PostgreSQL: claimed for the ticket's handler, and scanned for what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bus.delivery.queue import Claim
from bus.domain.terms import TicketId
from bus.domain.values import CallerTrace
from bus.postgres.pool import Connection

NOBODY_HOLDS_IT = "nobody holds the ticket"

# The read model finds a person's tickets by its index; the state that commands are decided on has the last word.
# Every claim counts as an attempt of unknown end before it begins, as in bus.delivery.queue.
_CLAIM = """
WITH due AS (
    SELECT h.ticket_id, p.person, p.free, p.anew,
           row_number() OVER (PARTITION BY p.person ORDER BY h.next_at <= %(now)s, h.next_at, h.ticket_id) AS place
    FROM unnest(%(persons)b::text[], %(free)b::int[], %(anew)b::bool[]) AS p (person, free, anew)
    JOIN tickets t ON t.assignee = p.person
    JOIN delivery_heads h ON h.target = %(target)s AND h.ticket_id = t.ticket_id
    JOIN ticket_states s ON s.ticket_id = t.ticket_id AND s.state #>> '{assignee,person}' = p.person
    WHERE NOT h.parked AND (h.next_at <= %(now)s OR p.anew) AND h.ticket_id <> ALL(%(under_way)b::text[])
), mine AS (
    SELECT h.ticket_id, h.version, h.unsure, d.person FROM delivery_heads h JOIN due d USING (ticket_id)
    WHERE h.target = %(target)s AND d.place <= d.free AND NOT h.parked AND (h.next_at <= %(now)s OR d.anew)
    ORDER BY h.ticket_id FOR UPDATE OF h SKIP LOCKED
)
UPDATE delivery_heads h SET next_at = %(lease)s, attempts = h.attempts + 1, unsure = true
FROM mine m JOIN events e USING (ticket_id, version)
WHERE h.target = %(target)s AND h.ticket_id = m.ticket_id
RETURNING m.person, h.ticket_id, h.version, h.attempts, m.unsure, h.failures, coalesce(h.edited, e.value),
    (SELECT s.trace_sampled FROM ticket_states s WHERE s.ticket_id = h.ticket_id),
    (SELECT s.tracestate FROM ticket_states s WHERE s.ticket_id = h.ticket_id)"""
_WAITING = """
WITH heads AS MATERIALIZED (
    SELECT target, ticket_id, version, attempts FROM delivery_heads
    WHERE target = %s AND ticket_id > %s AND NOT parked ORDER BY ticket_id LIMIT %s
)
SELECT h.ticket_id, h.version, h.attempts, coalesce(s.state #>> '{assignee,person}', '') <> '',
       d.enqueued_at, d.overdue_at IS NOT NULL
FROM heads h JOIN deliveries d USING (target, ticket_id, version) LEFT JOIN ticket_states s USING (ticket_id)
ORDER BY h.ticket_id"""
# Reported once for all that waits for its handler, in an order that two who look cannot block each other in.
_OVERDUE = """
WITH waiting AS (
    SELECT ticket_id, version FROM deliveries
    WHERE target = %(target)s AND ticket_id = ANY(%(tickets)s) AND state = 'waiting' AND overdue_at IS NULL
    ORDER BY ticket_id, version FOR UPDATE
), noted AS (
    UPDATE deliveries d SET overdue_at = %(now)s FROM waiting w
    WHERE d.target = %(target)s AND d.ticket_id = w.ticket_id AND d.version = w.version
    RETURNING d.ticket_id, d.enqueued_at
)
SELECT ticket_id, min(s.trace_id), count(*), min(t.enqueued_at)
FROM noted t JOIN ticket_states s USING (ticket_id) GROUP BY ticket_id ORDER BY ticket_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedPerson:
    """A connected person, and how many more pushes they may be given now.

    `anew`: just connected, so pushes leased by another gateway are theirs at once.
    """

    person: str
    free: int
    anew: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPush:
    """The oldest delivery of a ticket as it waits; `reported`: an alert was raised already."""

    claim: Claim
    held: bool
    enqueued_at: datetime
    reported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OverduePush:
    """A ticket whose handler has not acknowledged in time; `waiting` counts its overdue deliveries."""

    ticket_id: TicketId
    trace_id: str
    waiting: int
    since: datetime


async def claim(
    connection: Connection,
    target: str,
    wanted: Sequence[ConnectedPerson],
    *,
    under_way: Sequence[str],
    now: datetime,
    lease: timedelta,
) -> list[tuple[str, Claim]]:
    """Claim for each person what is due of the tickets they hold now, but of those that are `under_way` already."""
    asked = {
        "target": target,
        "persons": [one.person for one in wanted],
        "free": [one.free for one in wanted],
        "anew": [one.anew for one in wanted],
        "under_way": list(under_way),
        "now": now,
        "lease": now + lease,
    }
    rows = await (await connection.execute(_CLAIM, asked, binary=True)).fetchall()
    return [
        (
            person,
            Claim(
                ticket_id=ticket_id,
                version=version,
                attempt=attempt,
                unsure=unsure,
                failures=failures,
                value=value,
                caller_trace=CallerTrace.of_columns(*trace),
            ),
        )
        for person, ticket_id, version, attempt, unsure, failures, value, *trace in rows
    ]


async def waiting(connection: Connection, target: str, *, after: str, most: int) -> list[WaitingPush]:
    """Look at the heads of tickets, by their numbers, above `after`; nothing is locked or claimed."""
    rows = await (await connection.execute(_WAITING, (target, after, most))).fetchall()
    return [
        WaitingPush(
            claim=Claim(ticket_id=ticket_id, version=version, attempt=attempts, unsure=False, failures=(), value=b""),
            held=held,
            enqueued_at=enqueued_at,
            reported=reported,
        )
        for ticket_id, version, attempts, held, enqueued_at, reported in rows
    ]


async def overdue(connection: Connection, target: str, tickets: Sequence[TicketId], now: datetime) -> list[OverduePush]:
    """Mark the waiting deliveries of these tickets overdue; gives the tickets newly marked."""
    asked = {"target": target, "tickets": list(tickets), "now": now}
    rows = await (await connection.execute(_OVERDUE, asked)).fetchall()
    return [
        OverduePush(ticket_id=ticket_id, trace_id=trace_id, waiting=count, since=since)
        for ticket_id, trace_id, count, since in rows
    ]
