"""When deliveries fall due that are not due yet: the next one of a target, and what a target has postponed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bus.delivery.queue import Claim
from bus.postgres.pool import Connection

_DUE_NEXT = "SELECT min(next_at) FROM delivery_heads WHERE target = %s AND NOT parked AND next_at > %s"
# Nothing was tried, so that the attempt is taken back; whoever claimed it since has another number.
_POSTPONE = """
UPDATE delivery_heads h SET next_at = w.until, unsure = w.unsure, postponed = w.why, attempts = h.attempts - 1,
    first_tried_at = CASE WHEN h.attempts > 1 OR w.unsure THEN h.first_tried_at END
FROM unnest(%b::text[], %b::int[], %b::int[], %b::timestamptz[], %b::bool[], %b::text[])
    AS w (ticket_id, version, attempts, until, unsure, why)
WHERE h.target = %s AND NOT h.parked
    AND (h.ticket_id, h.version, h.attempts) = (w.ticket_id, w.version, w.attempts)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostponedClaim:
    """A claim of which nothing was sent, since it is not to be before `until`; `why` is for people."""

    claim: Claim
    until: datetime
    unsure: bool
    why: str


async def due_next(connection: Connection, target: str, *, after: datetime) -> datetime | None:
    """Give when the next delivery of a target falls due, of those not due yet; None without one."""
    ((at,),) = await (await connection.execute(_DUE_NEXT, (target, after))).fetchall()
    return at if isinstance(at, datetime) else None


async def postpone(connection: Connection, target: str, some: Sequence[PostponedClaim]) -> None:
    """Let claims wait until their time, as if they had not been tried, in the transaction given."""
    if some:
        rows = sorted(some, key=lambda one: one.claim.ticket_id)
        columns = (
            [one.claim.ticket_id for one in rows],
            [one.claim.version for one in rows],
            [one.claim.attempt for one in rows],
            [one.until for one in rows],
            [one.unsure for one in rows],
            [one.why for one in rows],
        )
        await connection.execute(_POSTPONE, (*columns, target))
