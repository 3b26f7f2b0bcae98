"""Lists of open letters for people: those of a cause, and what is left of a redrive by what one repair would mend."""

from collections.abc import Sequence
from typing import NamedTuple

from bus.postgres.pool import Connection, Pool, connected, read_rows
from bus.wire.dead_letters import ListedLetter, RedrivePart
from deadletter import redrive_store
from deadletter.redrive_store import Redrive
from deadletter.store import BEHIND

PAGE_MAX = 100
_OF_CAUSE = f"""
SELECT l.id, l.origin, l.origin_ref, l.target, l.ticket_id, l.version, l.event, l.reason, l.kind, l.detail,
    l.failures->-1->>'message' AS message, l.attempts, l.died_at, l.edited_from, l.redrive, {BEHIND} AS behind
FROM letters l WHERE l.state = 'open' AND l.cause = %(cause)s AND l.id > %(after)s
ORDER BY l.id LIMIT {PAGE_MAX + 1}"""  # noqa: S608 - no part of it is input
_LEFT = """
WITH grouped AS (
    SELECT target, cause, event, kind, count(*) AS letters, min(id) AS sample FROM letters
    WHERE redrive = %(redrive)s AND state = 'open' GROUP BY target, cause, event, kind)
SELECT g.*, s.detail FROM grouped g JOIN letters s ON s.id = g.sample ORDER BY g.letters DESC, g.sample"""
# The index of the open letters begins with their origin.
_BESIDE = """
SELECT (SELECT count(*) FROM letters l WHERE l.state = 'open' AND l.origin = 'delivery:' || (r.query->>'target')
    AND l.redrive IS DISTINCT FROM r.id AND l.cause = coalesce(r.query->>'cause', l.cause)
    AND l.event = coalesce(r.query->>'event', l.event) AND l.kind = coalesce(r.query->>'kind', l.kind)), two_persons
FROM redrives r WHERE r.id = %(redrive)s"""


class RedriveLeft(NamedTuple):
    """What is left of a redrive.

    `outside` counts the open letters that match it now and are not in it; `two_persons`: another person than who froze
    it lets it be sent.
    """

    parts: Sequence[RedrivePart]
    outside: int
    two_persons: bool


async def letters_of_cause(pool: Pool, cause: str, *, after: int = 0) -> tuple[list[ListedLetter], int | None]:
    """List the open letters of a cause, at most PAGE_MAX above a number, and after which to go on; None at the end.

    Raises StoreUnavailable.
    """
    async with connected(pool) as connection:
        rows = await read_rows(connection, _OF_CAUSE, ListedLetter, {"cause": cause, "after": after})
    return rows[:PAGE_MAX], rows[PAGE_MAX - 1].id if len(rows) > PAGE_MAX else None


async def all_of_cause(pool: Pool, cause: str) -> list[ListedLetter]:
    """List all open letters of a cause. Raises StoreUnavailable."""
    found, after = await letters_of_cause(pool, cause)
    while after is not None:
        more, after = await letters_of_cause(pool, cause, after=after)
        found += more
    return found


async def shown_redrive(connection: Connection, number: int) -> tuple[Redrive, RedriveLeft]:
    """Read a redrive and what is left of it. Raises RedriveGone."""
    redrive, named = await redrive_store.read(connection, number), {"redrive": number}
    parts = await read_rows(connection, _LEFT, RedrivePart, named)
    ((outside, two_persons),) = await (await connection.execute(_BESIDE, named)).fetchall()
    return redrive, RedriveLeft(parts, outside, two_persons)
