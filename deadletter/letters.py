"""Dead letters in PostgreSQL: written in the transaction that parks a delivery, grouped, shown, sent again, let go."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bus.delivery import queue
from bus.delivery.parking import Parked
from bus.errors import BusError
from bus.postgres.pool import Connection, Pool, connected

LIST_MAX = 1_000
_POST = """
INSERT INTO letters (target, ticket_id, version, event, trace_id, reason, kind, cause, detail, attempts, failures,
                     value, died_at)
SELECT * FROM unnest(%b::text[], %b::text[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
                     %b::text[], %b::int[], %b::jsonb[], %b::bytea[], %b::timestamptz[])"""
# What waits behind a letter is everything of its ticket and target that is not settled, but the letter itself.
_BEHIND = """
(SELECT count(*) FROM deliveries d WHERE d.target = l.target AND d.ticket_id = l.ticket_id AND d.state = 'waiting'
 AND d.version > l.version)"""
_GROUPS = f"""
SELECT l.cause, l.target, l.event, l.kind, l.reason, min(l.detail) AS detail, count(*) AS letters,
       sum({_BEHIND})::bigint AS behind, min(l.died_at) AS first_at, max(l.died_at) AS last_at, min(l.id) AS sample
FROM letters l WHERE l.state = 'open' AND (%(target)s::text IS NULL OR l.target = %(target)s)
GROUP BY l.cause, l.target, l.event, l.kind, l.reason ORDER BY letters DESC, last_at DESC LIMIT %(most)s"""  # noqa: S608 - no part of it is input - no part of it is input
_ONE = f"SELECT l.*, {_BEHIND} AS behind FROM letters l WHERE l.id = %s"  # noqa: S608 - no part of it is input
_LOCK = "SELECT id, target, ticket_id, version, state FROM letters WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_DECIDE = """
UPDATE letters SET state = %s, decided_at = %s, decided_by = %s, decided_why = %s WHERE id = ANY(%s)"""

Place = tuple[int, str, str, int]  # a letter's number, target, ticket and version


class LetterGone(BusError):
    """There is no such letter, or it was dealt with already; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Open letters that one repair would mend; `behind` counts what waits behind them, `sample` is one's number."""

    cause: str
    target: str
    event: str
    kind: str
    reason: str
    detail: str
    letters: int
    behind: int
    first_at: datetime
    last_at: datetime
    sample: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter whole; `value` is the event's record as it stands on the log."""

    id: int
    target: str
    ticket_id: str
    version: int
    event: str
    trace_id: str
    reason: str
    kind: str
    cause: str
    detail: str
    attempts: int
    failures: Sequence[dict[str, Any]]
    value: bytes
    died_at: datetime
    state: str
    decided_at: datetime | None
    decided_by: str | None
    decided_why: str | None
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided about a letter, why and when."""

    by: str
    why: str
    at: datetime


async def post(connection: Connection, parked: Sequence[Parked]) -> None:
    """Write letters for deliveries that are parked in this transaction."""
    rows = [
        (
            one.target,
            one.claim.ticket_id,
            one.claim.version,
            one.event,
            one.trace_id,
            one.reason.value,
            one.failure["kind"],
            cause_of(one),
            one.failure["detail"],
            one.claim.attempt,
            Jsonb([*one.claim.failures, dict(one.failure)]),
            one.claim.value,
            one.at,
        )
        for one in parked
    ]
    await connection.execute(_POST, [list(column) for column in zip(*rows, strict=True)])


def cause_of(parked: Parked) -> str:
    """Give the cause's fingerprint: target, event, kind, status, code, and the detail but for its numbers."""
    failure = parked.failure
    detail = re.sub(r"[0-9a-fA-F]{8,}|\d+", "#", str(failure["detail"]))
    facts = (parked.target, parked.event, failure["kind"], failure.get("status"), failure.get("code"), detail)
    return sha256("|".join(map(str, facts)).encode()).hexdigest()[:12]


async def groups(pool: Pool, *, target: str | None = None) -> list[Group]:
    """List the open letters by cause, the largest group first. Raises StoreUnavailable."""
    async with connected(pool) as connection, connection.cursor(row_factory=class_row(Group)) as cursor:
        return await (await cursor.execute(_GROUPS, {"target": target, "most": LIST_MAX})).fetchall()


async def read(pool: Pool, number: int) -> Letter:
    """Read a letter. Raises LetterGone, StoreUnavailable."""
    async with connected(pool) as connection, connection.cursor(row_factory=class_row(Letter)) as cursor:
        found = await (await cursor.execute(_ONE, (number,))).fetchone()
    if found is None:
        raise LetterGone(f"没有第 {number} 号死信 / there is no letter {number}")
    return found


async def retry(pool: Pool, numbers: Sequence[int], decision: Decision) -> int:
    """Send letters again, as if for the first time but for what is unsure; what waits behind follows. All or none.

    Raises LetterGone, StoreUnavailable.
    """
    async with connected(pool) as connection:
        await send_again(connection, await _open(connection, numbers), decision)
    return len(numbers)


async def send_again(connection: Connection, places: Sequence[Place], decision: Decision) -> None:
    """Send open letters that are locked in this transaction again."""
    for target, tickets in _by_target(places).items():
        await queue.release(connection, target, tickets, decision.at)
    await _decide(connection, places, "retried", decision)


async def discard(pool: Pool, numbers: Sequence[int], decision: Decision) -> int:
    """Let letters go: they are never delivered, and what waits behind them comes forward. All or none.

    Raises LetterGone, StoreUnavailable.
    """
    async with connected(pool) as connection:
        places = await _open(connection, numbers)
        for target, tickets in _by_target(places).items():
            await queue.discard(connection, target, tickets, decision.at, decision.why)
        await _decide(connection, places, "discarded", decision)
    return len(numbers)


async def _open(connection: Connection, numbers: Sequence[int]) -> list[Place]:
    """Lock letters that must all be open."""
    rows = await (await connection.execute(_LOCK, (list(numbers),))).fetchall()
    gone = set(numbers) - {number for number, _, _, _, state in rows if state == "open"}
    if gone:
        told = ", ".join(map(str, sorted(gone)))
        raise LetterGone(
            f"死信 {told} 不存在或已处理,什么都没有改变 / no such open letter: {told}; nothing was changed"
        )
    return [(number, target, ticket_id, version) for number, target, ticket_id, version, _ in rows]


async def _decide(connection: Connection, places: Sequence[Place], state: str, decision: Decision) -> None:
    numbers = [place[0] for place in places]
    await connection.execute(_DECIDE, (state, decision.at, decision.by, decision.why, numbers))


def _by_target(places: Sequence[Place]) -> dict[str, list[tuple[str, int]]]:
    found = dict[str, list[tuple[str, int]]]()
    for _, target, ticket_id, version in places:
        found.setdefault(target, []).append((ticket_id, version))
    return found
