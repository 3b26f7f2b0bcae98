"""What waits for a target that is no longer declared: let go, or moved to another target, so many tickets at a time."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bus.delivery import queue, target_state
from bus.delivery.redrive_counts import count_ends
from bus.domain.naming import dotted
from bus.postgres.pool import Connection
from schemas.catalogue import EVENT_TYPES

_NAMES: Mapping[str | None, str] = {dotted(one.cls): one.cls.__name__ for one in EVENT_TYPES}
TICKETS_MAX = 1_000  # of a step, which is one transaction
_NEXT = "SELECT ticket_id FROM delivery_heads WHERE target = %s AND ticket_id > %s ORDER BY ticket_id LIMIT %s"
# A worker that began with an older targets file may have a call under way until the lease ends: that stays.
_LOCK_FREE = """
SELECT ticket_id FROM delivery_heads
WHERE target = %(target)s AND ticket_id = ANY (%(tickets)s) AND (parked OR NOT unsure OR next_at <= %(now)s)
ORDER BY ticket_id FOR UPDATE"""
_LOCK_OTHER = "SELECT FROM delivery_heads WHERE target = %s AND ticket_id = ANY (%s) ORDER BY ticket_id FOR UPDATE"
# Nobody knows whether its last call took effect: what asks the target by its own keys cannot be asked at another.
_UNSURE = """
SELECT ticket_id FROM delivery_heads
WHERE target = %s AND ticket_id = ANY (%s) AND (unsure OR failures->-1->>'kind' = 'unknown')"""
# Which of the other target's events a delivery is of; NULL: all.
_TAKEN = """
(%(events)s::text[] IS NULL OR EXISTS (
    SELECT FROM events e WHERE (e.ticket_id, e.version) = (m.ticket_id, m.version)
        AND regexp_replace(e.ce_type, '[.]v[0-9]+$', '') = ANY (%(events)s)))"""
# A ticket's rows move unless the other target had a later event of the ticket, or has one in hand: a call, a letter, an
# edited copy or a redrive. What it has already does not count. OFFSET 0: each ticket is looked up by the key; as a join
# with a target whose rows are newer than its statistics, a step of 1,000 tickets took half a minute.
_MOVABLE = f"""
WITH mine AS (
    SELECT m.ticket_id, min(m.version) FILTER (WHERE o.version IS NULL) AS first FROM deliveries m
    LEFT JOIN deliveries o ON (o.target, o.ticket_id, o.version) = (%(other)s, m.ticket_id, m.version)
    WHERE m.target = %(target)s AND m.state = 'waiting' AND m.ticket_id = ANY (%(free)s) AND {_TAKEN}
    GROUP BY m.ticket_id)
SELECT ticket_id FROM mine WHERE NOT EXISTS (
    SELECT FROM deliveries d
    LEFT JOIN delivery_heads h ON (h.target, h.ticket_id, h.version) = (d.target, d.ticket_id, d.version)
    WHERE d.target = %(other)s AND d.ticket_id = mine.ticket_id AND d.version > mine.first
        AND (d.state <> 'waiting' OR h.parked OR h.unsure OR h.edited IS NOT NULL OR h.redrive IS NOT NULL)
    OFFSET 0)
ORDER BY ticket_id"""  # noqa: S608 - no part of it is input
_NOT_TAKEN = f"""
SELECT regexp_replace(t.ce_type, '[.]v[0-9]+$', ''), count(*) FROM deliveries m
JOIN events t ON (t.ticket_id, t.version) = (m.ticket_id, m.version)
WHERE m.target = %(target)s AND m.state = 'waiting' AND m.ticket_id = ANY (%(tickets)s) AND NOT {_TAKEN}
GROUP BY 1 ORDER BY 2 DESC, 1"""  # noqa: S608 - no part of it is input
_ADD = f"""
WITH added AS (
    INSERT INTO deliveries (target, ticket_id, version, enqueued_at)
    SELECT %(other)s, m.ticket_id, m.version, m.enqueued_at FROM deliveries m
    WHERE m.target = %(target)s AND m.state = 'waiting' AND m.ticket_id = ANY (%(tickets)s) AND {_TAKEN}
    ORDER BY ticket_id, version ON CONFLICT DO NOTHING RETURNING ticket_id, version
), heads AS (
    INSERT INTO delivery_heads AS h (target, ticket_id, version, next_at)
    SELECT %(other)s, ticket_id, min(version), %(now)s FROM added GROUP BY ticket_id ORDER BY ticket_id
    ON CONFLICT (target, ticket_id) DO UPDATE
    SET version = excluded.version, next_at = excluded.next_at, attempts = 0, failures = '[]',
        first_tried_at = NULL
    WHERE h.version > excluded.version AND NOT h.parked AND NOT h.unsure)
SELECT count(*) FROM added"""  # noqa: S608 - no part of it is input
_END = f"""
UPDATE deliveries m SET state = 'discarded', reference = %(why)s, settled_at = %(now)s, moved_to = %(other)s
WHERE m.target = %(target)s AND m.state = 'waiting' AND m.ticket_id = ANY (%(tickets)s) AND {_TAKEN}
RETURNING m.ticket_id, m.version"""  # noqa: S608 - no part of it is input
# A redrive waits for how each of its deliveries ends.
_SETTLED_HEADS = """
SELECT h.ticket_id, h.redrive FROM delivery_heads h
WHERE h.target = %s AND h.ticket_id = ANY (%s) AND 'waiting' <> (
    SELECT d.state FROM deliveries d WHERE (d.target, d.ticket_id, d.version) = (h.target, h.ticket_id, h.version))"""
_EVENTS = "SELECT events FROM delivery_targets WHERE target = %s"
_LEFT = "SELECT count(*) FROM deliveries WHERE target = %s AND state = 'waiting'"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedDeliveries:
    """What moved: `moved` deliveries are new to the other target, `known` ones it had already, `left` ones still wait.

    `settled`: the tickets and versions that wait no more. `not_taken`: by event, those of these tickets that wait
    because the other target does not take such events.
    """

    moved: int
    known: int
    left: int
    settled: Collection[tuple[str, int]]
    not_taken: Mapping[str, int]


async def tickets_after(connection: Connection, target: str, after: str) -> list[str]:
    """List the next tickets that wait for the target, in their order, at most TICKETS_MAX; none is locked."""
    rows = await (await connection.execute(_NEXT, (target, after, TICKETS_MAX))).fetchall()
    return [ticket for (ticket,) in rows]


async def discard(
    connection: Connection, target: str, tickets: Sequence[str], why: str, now: datetime
) -> tuple[int, int]:
    """Settle what waits of these tickets as never to be made; gives how many deliveries, and how many still wait.

    What a call may be under way for stays. Raises NoSuchTarget, StillDeclared.
    """
    await target_state.check_undeclared(connection, target)
    free = await _free(connection, target, tickets, now)
    ended = await _end(
        connection, {"target": target, "other": "", "tickets": free, "why": why, "now": now, "events": None}
    )
    return len(ended), await _left(connection, target)


async def move(
    connection: Connection, target: str, other: str, why: str, now: datetime, *, tickets: Sequence[str]
) -> MovedDeliveries:
    """Let what waits of these tickets wait for `other`, in order per ticket.

    What `other` has is not doubled, and events that it does not take stay. A ticket of which it had, or has in hand, a
    later event stays whole, and so does one that a call to the target may be under way for, or whose last call may have
    taken effect there.
    Raises NoSuchTarget, StillDeclared for the target, NotDeclared for the other.
    """
    await target_state.check_undeclared(connection, target)
    await target_state.check_known(connection, other)
    await target_state.check_declared(connection, [other])
    unsure = {ticket for (ticket,) in await (await connection.execute(_UNSURE, (target, tickets))).fetchall()}
    free = [one for one in await _free(connection, target, tickets, now) if one not in unsure]
    await connection.execute(_LOCK_OTHER, (other, free))
    ((events,),) = await (await connection.execute(_EVENTS, (other,))).fetchall()
    asked = {"target": target, "other": other, "free": free, "now": now, "why": why, "events": events}
    movable = [ticket for (ticket,) in await (await connection.execute(_MOVABLE, asked)).fetchall()]
    ((moved,),) = await (await connection.execute(_ADD, {**asked, "tickets": movable})).fetchall()
    settled = await _end(connection, {**asked, "tickets": movable})
    rest = await (await connection.execute(_NOT_TAKEN, {**asked, "tickets": tickets})).fetchall()
    return MovedDeliveries(
        moved=moved,
        known=len(settled) - moved,
        left=await _left(connection, target),
        settled=settled,
        not_taken={_NAMES.get(kind, str(kind)): count for kind, count in rest},
    )


async def _free(connection: Connection, target: str, tickets: Sequence[str], now: datetime) -> list[str]:
    """Lock those queues of a target that no call is under way for; gives their tickets."""
    asked = {"target": target, "tickets": tickets, "now": now}
    return [ticket for (ticket,) in await (await connection.execute(_LOCK_FREE, asked)).fetchall()]


async def _left(connection: Connection, target: str) -> int:
    ((left,),) = await (await connection.execute(_LEFT, (target,))).fetchall()
    return int(left)


async def _end(connection: Connection, asked: Mapping[str, Any]) -> Collection[tuple[str, int]]:
    """Settle what waits of tickets and is to end, and let what stays come forward; gives tickets and versions."""
    ended = {(ticket, version) for ticket, version in await (await connection.execute(_END, asked)).fetchall()}
    settled = (asked["target"], sorted({ticket for ticket, _ in ended}))
    heads = await (await connection.execute(_SETTLED_HEADS, settled)).fetchall()
    await count_ends(connection, {}, Counter(redrive for _, redrive in heads))
    await queue.advance(connection, asked["target"], [ticket for ticket, _ in heads], asked["now"])
    return ended
