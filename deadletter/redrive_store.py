"""Redrives in PostgreSQL: the set is frozen once, each letter of it is sent once, whoever is killed in between."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bus.domain.errors import BusError
from bus.postgres.pool import Pool, connected
from deadletter.dead_letter import Decision
from deadletter.redrive_policy import RedriveLimits, RedriveProgress
from deadletter.store import LockedLetter, decide, send_again

SENT_AGAIN_MAX = 5  # how often one delivery may be sent again: what fails so often wants another repair

_ONE_AT_A_TIME = "LOCK TABLE redrives IN SHARE ROW EXCLUSIVE MODE"  # who waited sees what the other has taken
_FREEZE = """
INSERT INTO redrives (query, canary, watch_s, rate_per_s, approved_by, approved_why, frozen_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id"""
_MATCHING = """
SELECT l.id, l.target, l.ticket_id, l.version, l.event,
    EXISTS (SELECT FROM redrive_letters o JOIN redrives r ON r.id = o.redrive
            WHERE o.letter = l.id AND r.state IN ('frozen', 'running')) AS taken,
    (SELECT count(*) FROM letters s WHERE s.target = l.target AND s.ticket_id = l.ticket_id AND s.version = l.version
     AND s.state = 'retried') AS sent_again
FROM letters l
WHERE l.state = 'open' AND l.target = %(target)s AND (%(cause)s::text IS NULL OR l.cause = %(cause)s)
    AND (%(event)s::text IS NULL OR l.event = %(event)s) AND (%(kind)s::text IS NULL OR l.kind = %(kind)s)
ORDER BY l.id FOR UPDATE OF l"""
_KEEP = "INSERT INTO redrive_letters (redrive, letter) SELECT %s, unnest(%s::bigint[])"
LIST_MAX = 100
# What died again after it was sent has failed, whatever became of it since.
_READ = f"""
SELECT r.*, count(o.*) AS letters, count(o.released_at) AS released, min(o.released_at) AS first_released_at,
    count(*) FILTER (WHERE o.released_at IS NULL AND l.state = 'open') AS left,
    count(*) FILTER (WHERE o.released_at IS NOT NULL AND d.state = 'done' AND NOT n.again) AS delivered,
    count(*) FILTER (WHERE o.released_at IS NOT NULL AND (d.state = 'discarded' OR n.again)) AS failed
FROM redrives r LEFT JOIN redrive_letters o ON o.redrive = r.id LEFT JOIN letters l ON l.id = o.letter
    LEFT JOIN deliveries d ON (d.target, d.ticket_id, d.version) = (l.target, l.ticket_id, l.version)
    LEFT JOIN LATERAL (SELECT EXISTS (
        SELECT FROM letters n WHERE n.target = l.target AND n.ticket_id = l.ticket_id AND n.version = l.version
        AND n.id > l.id) AS again) n ON true
WHERE %(id)s::bigint IS NULL OR r.id = %(id)s GROUP BY r.id ORDER BY r.id DESC LIMIT {LIST_MAX}"""  # noqa: S608 - no part of it is input
# A letter that somebody dealt with by hand meanwhile is not open any more, and is left alone.
_NEXT = """
SELECT l.id, l.target, l.ticket_id, l.version, l.origin, CASE WHEN l.edited_from IS NULL THEN NULL ELSE l.value END,
    octet_length(l.value)
FROM redrive_letters o JOIN letters l ON l.id = o.letter JOIN redrives r ON r.id = o.redrive
WHERE o.redrive = %s AND r.state = 'running' AND o.released_at IS NULL AND l.state = 'open'
ORDER BY l.id LIMIT %s FOR UPDATE OF o, l, r"""
_RELEASED = "UPDATE redrive_letters SET released_at = %s WHERE redrive = %s AND letter = ANY(%s)"
_BEGIN = "UPDATE redrives SET state = 'running' WHERE id = %s AND state IN ('frozen', 'running')"
_RUNNING = "SELECT id FROM redrives WHERE state = 'running' ORDER BY id"
_END = """
UPDATE redrives SET state = %s, ended_at = %s, ended_why = %s WHERE id = %s AND state IN ('frozen', 'running')"""


class NothingMatches(BusError):
    """No open letter is left that the query matches; nothing was frozen."""


class RedriveGone(BusError):
    """There is no such redrive, or it is over; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which letters: of a target, and of one cause, event class or kind of failure where that is given."""

    target: str
    cause: str | None = None
    event: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSet:
    """A set as it was frozen; `taken` letters stand in another redrive, `worn` were sent again too often."""

    id: int
    letters: int
    events: dict[str, int]
    taken: int
    worn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """A redrive and how far it is."""

    id: int
    query: dict[str, Any]
    canary: int
    watch_s: float
    rate_per_s: float
    approved_by: str
    approved_why: str
    frozen_at: datetime
    state: str
    ended_at: datetime | None
    ended_why: str | None
    letters: int
    released: int
    left: int
    delivered: int
    failed: int
    first_released_at: datetime | None

    @property
    def terms(self) -> RedriveLimits:
        """What was approved."""
        return RedriveLimits(canary=self.canary, watch=timedelta(seconds=self.watch_s), rate_per_s=self.rate_per_s)

    @property
    def progress(self) -> RedriveProgress:
        """How it stands."""
        return RedriveProgress(
            left=self.left,
            released=self.released,
            delivered=self.delivered,
            failed=self.failed,
            first_released_at=self.first_released_at,
        )


async def freeze(pool: Pool, query: DeadLetterQuery, terms: RedriveLimits, decision: Decision) -> FrozenSet:
    """Freeze the letters that match now; nothing is sent yet. Raises NothingMatches, StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_ONE_AT_A_TIME)
        rows = await (await connection.execute(_MATCHING, asdict(query))).fetchall()
        taken = sum(row[5] for row in rows)
        worn = sum(row[6] >= SENT_AGAIN_MAX for row in rows)
        free = [row for row in rows if not row[5] and row[6] < SENT_AGAIN_MAX]
        if not free:
            zh = f"没有可重发的死信({taken} 封已在另一次重发中,{worn} 封重发已达 {SENT_AGAIN_MAX} 次)"
            en = f"no letter to send again ({taken} in another redrive, {worn} sent again {SENT_AGAIN_MAX} times)"
            raise NothingMatches(f"{zh} / {en}")
        given = (Jsonb(asdict(query)), terms.canary, terms.watch.total_seconds(), terms.rate_per_s)
        found = await connection.execute(_FREEZE, (*given, decision.by, decision.why, decision.at))
        ((number,),) = await found.fetchall()
        frozen = [row[0] for row in free]
        await connection.execute(_KEEP, (number, frozen))
        await decide(connection, frozen, "frozen", replace(decision, redrive=number))
    events = dict[str, int]()
    for row in free:
        events[row[4]] = events.get(row[4], 0) + 1
    return FrozenSet(id=number, letters=len(free), events=events, taken=taken, worn=worn)


async def redrives(pool: Pool) -> list[Redrive]:
    """List the last redrives, oldest first. Raises StoreUnavailable."""
    return (await _read(pool, None))[::-1]


async def read(pool: Pool, number: int) -> Redrive:
    """Read a redrive. Raises RedriveGone, StoreUnavailable."""
    found = await _read(pool, number)
    if not found:
        raise RedriveGone(f"没有第 {number} 号重发 / there is no redrive {number}")
    return found[0]


async def begin(pool: Pool, number: int) -> None:
    """Let the workers carry a frozen set out; harmless while they do. Raises RedriveGone, StoreUnavailable."""
    async with connected(pool) as connection:
        if (await connection.execute(_BEGIN, (number,))).rowcount:
            return
    one = await read(pool, number)
    raise RedriveGone(f"重发 {number} 不能继续 / redrive {number} cannot go on: {one.state}: {one.ended_why}")


async def running(pool: Pool) -> list[int]:
    """Name the redrives that are to be carried out. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return [number for (number,) in await (await connection.execute(_RUNNING)).fetchall()]


async def release(pool: Pool, redrive: Redrive, count: int, now: datetime) -> int:
    """Send the next letters of a set again, each once for good; answers how many. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        rows = await (await connection.execute(_NEXT, (redrive.id, count))).fetchall()
        why = f"重发 redrive {redrive.id}: {redrive.approved_why}"
        decision = Decision(by=redrive.approved_by, why=why, at=now, redrive=redrive.id)
        await send_again(connection, [LockedLetter(*row) for row in rows], decision)
        await connection.execute(_RELEASED, (now, redrive.id, [row[0] for row in rows]))
    return len(rows)


async def end(pool: Pool, number: int, *, done: bool, why: str, now: datetime) -> bool:
    """Close a redrive: nothing more of it is sent. False when it was over. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        told = await connection.execute(_END, ("done" if done else "stopped", now, why, number))
        return told.rowcount > 0


async def _read(pool: Pool, number: int | None) -> list[Redrive]:
    async with connected(pool) as connection, connection.cursor(row_factory=class_row(Redrive)) as cursor:
        return await (await cursor.execute(_READ, {"id": number})).fetchall()
