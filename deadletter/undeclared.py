"""What waits for a target that is no longer declared, with its letters: let go, or moved to another target."""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.delivery import undeclared
from bus.postgres.pool import Connection
from deadletter import store
from deadletter.dead_letter import Decision
from deadletter.records import Encode
from deadletter.store import LockedLetter

_OPEN = "SELECT id FROM letters WHERE target = %s AND state = 'open' ORDER BY id FOR UPDATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardedQueue:
    """How many deliveries of a target were let go, `letters` of them letters.

    `left`: those that stay, since a call to the target may be under way for their ticket.
    """

    target: str
    discarded: int
    letters: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedQueue:
    """How many deliveries of a target moved to another, `letters` of them letters.

    `known`: those that the other target had already. `left`: those that stay, since the other target had a later event
    of their ticket or has one in hand, since a letter's mended copy was made for this target alone, or since a call to
    it may be under way or may have taken effect there.
    """

    target: str
    to: str
    moved: int
    known: int
    letters: int
    left: int


async def discard_queue(connection: Connection, target: str, decision: Decision, encode: Encode) -> DiscardedQueue:
    """Let everything go that waits for a target. Raises NoSuchTarget, StillDeclared."""
    letters = await _locked(connection, target)
    why = f"{decision.by}: {decision.why}"
    discarded, left = await undeclared.discard(connection, target, why, decision.at)
    await _closed(connection, letters, decision, encode)
    return DiscardedQueue(target=target, discarded=discarded, letters=len(letters), left=left)


async def move_queue(connection: Connection, target: str, other: str, decision: Decision, encode: Encode) -> MovedQueue:
    """Let what waits for a target wait for another, in order per ticket; letters are tried there as if never before.

    Raises NoSuchTarget, StillDeclared, NotDeclared.
    """
    letters = await _locked(connection, target)
    edited = {one.ticket_id for one in letters if one.edited is not None}
    why = f"{other} <- {decision.by}: {decision.why}"
    moved = await undeclared.move(connection, target, other, why, decision.at, staying=edited)
    tickets = {*moved.tickets}
    closed = [one for one in letters if one.ticket_id in tickets]
    await _closed(connection, closed, decision, encode)
    return MovedQueue(
        target=target, to=other, moved=moved.moved, known=moved.known, letters=len(closed), left=moved.left
    )


async def _locked(connection: Connection, target: str) -> Sequence[LockedLetter]:
    """Lock the open letters of a target, before its queue, as all do who decide about letters."""
    numbers = [number for (number,) in await (await connection.execute(_OPEN, (target,))).fetchall()]
    return await store.lock(connection, numbers) if numbers else []


async def _closed(connection: Connection, letters: Sequence[LockedLetter], decision: Decision, encode: Encode) -> None:
    if letters:
        await store.move(connection, [one.id for one in letters], "discarded", decision, encode)
