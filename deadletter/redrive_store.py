"""Redrives in PostgreSQL: a set is frozen once, and each of its letters is sent once, also across crashes.

A letter has the redrive whose set it is in; so has its delivery once it is sent again, and `bus.delivery.queue` counts
how that ends.
"""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from bus.delivery import target_state
from bus.domain import token_bucket
from bus.domain.errors import Conflict
from bus.domain.text import Text
from bus.outbox import record as outbox
from bus.postgres.pool import Connection, Pool, connected, read_row, read_rows
from bus.wire.dead_letters import FrozenSet
from deadletter import records
from deadletter.dead_letter import Decision
from deadletter.records import Encode
from deadletter.redrive_policy import End, KeepWatching, RedriveLimits, RedriveProgress, Release, Step, next_step
from deadletter.store import LockedLetter, send_again

SENT_AGAIN_MAX = 5  # how often one delivery may be sent again: what fails so often wants another repair

BURST_S = 0.5  # of its rate, at most, goes at once

# Of two who freeze at once the one that waits for the locks, taken in one order, sees the letters taken.
_FREEZE = f"""
WITH matching AS (
    SELECT l.id, l.event, l.origin, l.ticket_id, l.trace_id, l.redrive IS NOT NULL AS taken,
        (SELECT count(*) FROM letters s WHERE s.target = l.target AND s.ticket_id = l.ticket_id
         AND s.version = l.version AND s.state = 'retried') >= {SENT_AGAIN_MAX} AS worn
    FROM letters l
    WHERE l.state = 'open' AND l.target = %(target)s AND (%(cause)s::text IS NULL OR l.cause = %(cause)s)
        AND (%(event)s::text IS NULL OR l.event = %(event)s) AND (%(kind)s::text IS NULL OR l.kind = %(kind)s)
    ORDER BY l.id FOR UPDATE
), free AS (SELECT * FROM matching WHERE NOT taken AND NOT worn
), made AS (
    INSERT INTO redrives (
        query, canary, watch_s, rate_per_s, approved_by, approved_why, frozen_at, two_persons, letters)
    SELECT %(query)s, %(canary)s, %(watch_s)s, %(rate_per_s)s, %(by)s, %(why)s, %(at)s, %(two_persons)s, count(*)
    FROM free
    HAVING count(*) > 0 RETURNING id
), kept AS (
    UPDATE letters l SET redrive = made.id FROM free, made WHERE l.id = free.id
), decided AS (
    INSERT INTO letter_decisions (letter, decision, decided_by, decided_why, decided_at, redrive)
    SELECT free.id, 'frozen', %(by)s, %(why)s, %(at)s, made.id FROM free, made ORDER BY free.id
)
SELECT made.id AS redrive, m.id AS letter, m.event, m.origin, m.ticket_id, m.trace_id, m.taken, m.worn
FROM matching m LEFT JOIN made ON true ORDER BY m.id"""  # noqa: S608 - no part of it is input
LIST_MAX = 100
_COLUMNS = """
r.id, r.query, r.canary, r.watch_s, r.rate_per_s, r.approved_by, r.approved_why, r.run_by, r.frozen_at, r.state,
r.ended_at, r.ended_why, r.letters, r.released, r.delivered, r.failed, r.first_released_at,
coalesce(r.unsent, (SELECT count(*) FROM letters l WHERE l.redrive = r.id AND l.state = 'open')) AS left"""
_READ = f"""
SELECT {_COLUMNS} FROM redrives r
WHERE %(id)s::bigint IS NULL OR r.id = %(id)s ORDER BY r.id DESC LIMIT {LIST_MAX}"""  # noqa: S608 - no part of it is input
# Locks are taken in one order by all: a redrive's own, letters, targets, the heads of queues, rows of redrives. The
# first lets one worker at a time take a step; its row is written by whoever settles a delivery that it sent.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('ticketbus redrive ' || %s, 0))"
_TAKE = f"SELECT {_COLUMNS} FROM redrives r WHERE r.id = %s AND r.state = 'running'"  # noqa: S608 - no part of it is input
# The rate goes by one clock, the database's.
_TOKENS = """
SELECT allowance, coalesce(abs(extract(epoch FROM clock_timestamp() - released_at)::float8), 0)
FROM redrives WHERE id = %s"""
# A letter that somebody dealt with by hand meanwhile is not open any more, and is left alone.
_NEXT = """
SELECT id, target, ticket_id, version, origin, CASE WHEN edited_from IS NULL THEN NULL ELSE value END,
    octet_length(value)
FROM letters WHERE redrive = %s AND state = 'open' ORDER BY id LIMIT %s FOR UPDATE"""
_RELEASED = """
UPDATE redrives SET released = released + %(sent)s, allowance = %(left)s,
    first_released_at = coalesce(first_released_at, %(at)s), released_at = clock_timestamp()
WHERE id = %(id)s"""
_BEGIN = """
UPDATE redrives SET state = 'running', run_by = CASE WHEN state = 'frozen' THEN %(by)s ELSE run_by END
WHERE id = %(id)s AND state IN ('frozen', 'running')
    AND NOT (state = 'frozen' AND (two_persons OR %(two_persons)s) AND %(by)s IN ('', approved_by))"""
_RUNNING = "SELECT id FROM redrives WHERE state = 'running' ORDER BY id"
_END = """
UPDATE redrives r SET state = %s, ended_at = %s, ended_why = %s, by_hand = %s,
    unsent = (SELECT count(*) FROM letters l WHERE l.redrive = r.id AND l.state = 'open')
WHERE id = %s AND state IN ('frozen', 'running')"""
_LOCK_LEFT = "SELECT FROM letters WHERE redrive = %s AND state = 'open' ORDER BY id FOR UPDATE"
_FREE = "UPDATE letters SET redrive = NULL WHERE redrive = %s AND state = 'open'"


class NothingMatches(Conflict):
    """No open letter is left that the query matches; nothing was frozen."""


class RedriveGone(Conflict):
    """There is no such redrive, or it is over; nothing was changed."""


class SecondPersonNeeded(Conflict):
    """Two persons are asked for, and this is the one who froze the redrive; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    """Which letters: of a target, and of one cause, event class or kind of failure where that is given."""

    target: str
    cause: str | None = None
    event: str | None = None
    kind: str | None = None


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
    run_by: str
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
        """The redrive's progress."""
        return RedriveProgress(
            left=self.left,
            released=self.released,
            delivered=self.delivered,
            failed=self.failed,
            first_released_at=self.first_released_at,
        )


async def freeze(
    connection: Connection,
    query: DeadLetterQuery,
    terms: RedriveLimits,
    decision: Decision,
    encode: Encode,
    *,
    two_persons: bool = False,
) -> FrozenSet:
    """Freeze the letters that match now; nothing is sent yet. Raises NothingMatches, NotDeclared.

    `two_persons`: another person lets it be sent, whatever the process says that is asked to.
    """
    await target_state.check_declared(connection, [query.target])
    decided = {"by": decision.by, "why": decision.why, "at": decision.at}
    approved = {"canary": terms.canary, "watch_s": terms.watch.total_seconds(), "rate_per_s": terms.rate_per_s}
    asked = {**asdict(query), "query": Jsonb(asdict(query)), **approved, **decided, "two_persons": two_persons}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_FREEZE, asked)).fetchall()
    frozen = [row for row in rows if not row["taken"] and not row["worn"]]
    taken, worn = sum(row["taken"] for row in rows), sum(row["worn"] for row in rows)
    if not frozen:
        zh = f"没有可重发的死信({taken} 封已在另一次重发中,{worn} 封重发已达 {SENT_AGAIN_MAX} 次)"
        en = f"no letter to send again ({taken} in another redrive, {worn} sent again {SENT_AGAIN_MAX} times)"
        raise NothingMatches(Text(zh, en))
    decision = replace(decision, redrive=frozen[0]["redrive"])
    await outbox.queue(connection, (records.decided(row, "frozen", decision, encode) for row in frozen))
    events = Counter(row["event"] for row in frozen)
    return FrozenSet(id=frozen[0]["redrive"], letters=len(frozen), events=dict(events), taken=taken, worn=worn)


async def redrives(pool: Pool) -> list[Redrive]:
    """List the last redrives, oldest first. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return (await _read(connection, None))[::-1]


async def read(connection: Connection, number: int) -> Redrive:
    """Read a redrive. Raises RedriveGone."""
    found = await _read(connection, number)
    if not found:
        raise RedriveGone(Text(f"没有第 {number} 号重发", f"there is no redrive {number}"))
    return found[0]


async def begin(connection: Connection, number: int, *, by: str = "", two_persons: bool = False) -> None:
    """Let the workers carry a frozen set out; harmless while they do.

    Raises RedriveGone, NotDeclared, and SecondPersonNeeded when two persons are asked for and `by` is nobody, or who
    froze it.
    """
    await target_state.check_declared(connection, [(await read(connection, number)).query["target"]])
    if (await connection.execute(_BEGIN, {"id": number, "by": by, "two_persons": two_persons})).rowcount:
        return
    one = await read(connection, number)
    if one.state == "frozen":
        zh = f"重发 {number} 由“{one.approved_by}”冻结,须由另一人执行"
        en = f"redrive {number} was frozen by {one.approved_by!r}; another person must let it be sent (--by)"
        raise SecondPersonNeeded(Text(zh, en))
    en = f"redrive {number} cannot go on: {one.state}: {one.ended_why}"
    raise RedriveGone(Text(f"重发 {number} 不能继续", en))


async def running(pool: Pool) -> list[int]:
    """Name the redrives that are to be carried out. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return [number for (number,) in await (await connection.execute(_RUNNING)).fetchall()]


async def step(pool: Pool, number: int, now: datetime, encode: Encode) -> Step | None:
    """Take the next step of a redrive and give it; None when the redrive is not running.

    A step is one transaction, so that a letter is sent once, also across crashes. Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        await connection.execute(_ALONE, (number,))
        redrive = await read_row(connection, _TAKE, Redrive, (number,))
        if redrive is None:
            return None
        ((tokens, elapsed_s),) = await (await connection.execute(_TOKENS, (number,))).fetchall()
        tokens = token_bucket.filled(tokens, elapsed_s, rate_per_s=redrive.rate_per_s, burst_s=BURST_S)
        step = next_step(redrive.terms, redrive.progress, now=now, allowed=int(tokens))
        try:
            await target_state.check_declared(connection, [redrive.query["target"]])
        except target_state.NotDeclared as error:  # what it sends would go nowhere
            step = End(done=False, why=str(error))
        match step:
            case Release(count=count):
                why = f"重发 redrive {number}: {redrive.approved_why}"
                decision = Decision(by=redrive.run_by or redrive.approved_by, why=why, at=now, redrive=number)
                rows = await (await connection.execute(_NEXT, (number, count))).fetchall()
                await send_again(connection, [LockedLetter(*row) for row in rows], decision, encode)
                if rows:
                    left = token_bucket.taken(tokens, len(rows))
                    sent = {"sent": len(rows), "left": left, "at": now, "id": number}
                    await connection.execute(_RELEASED, sent)
            case End(done=done, why=why):
                await end(connection, number, done=done, why=why, now=now)
            case KeepWatching():
                pass
            case _:
                assert_never(step)
        return step


async def end(
    connection: Connection, number: int, *, done: bool, why: str, now: datetime, by_hand: bool = False
) -> bool:
    """Close a redrive: nothing more of it is sent. False when it was over. `by_hand`: a person stops it."""
    await connection.execute(_ALONE, (number,))
    await connection.execute(_LOCK_LEFT, (number,))
    ended = await connection.execute(_END, ("done" if done else "stopped", now, why, by_hand, number))
    await connection.execute(_FREE, (number,))
    return ended.rowcount > 0


async def _read(connection: Connection, number: int | None) -> list[Redrive]:
    return await read_rows(connection, _READ, Redrive, {"id": number})
