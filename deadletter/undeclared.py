"""What waits for a target that is no longer declared, with its letters: let go, or moved to another target.

A step is one transaction of so many tickets; whoever is killed between two steps does it again, and goes on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bus.delivery import undeclared
from bus.postgres.pool import Connection, Pool, in_transaction
from deadletter import store
from deadletter.dead_letter import Decision
from deadletter.records import Encode
from deadletter.store import LockedLetter

_OPEN = """
SELECT id FROM letters WHERE target = %s AND ticket_id = ANY (%s) AND state = 'open' ORDER BY id FOR UPDATE"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardedQueue:
    """How many deliveries of a target were let go, `letters` of them letters.

    `left`: those that still wait; at the end, since a call to the target may be under way for their ticket. `next`: the
    ticket to go on after; None at the end.
    """

    target: str
    discarded: int
    letters: int
    left: int
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedQueue:
    """How many deliveries of a target moved to another, `letters` of them letters.

    `known`: those that the other target had already. `left`: those that still wait; at the end, since the other target
    had a later event of their ticket or has one in hand, since a letter's mended copy was made for this target alone,
    since a call to it may be under way or may have taken effect there, or since the other target does not take such
    events: `not_taken` counts these by event. `next`: the ticket to go on after; None at the end.
    """

    target: str
    to: str
    moved: int
    known: int
    letters: int
    left: int
    not_taken: Mapping[str, int] = field(default_factory=dict)
    next: str | None = None


async def discard_queue(
    connection: Connection, target: str, decision: Decision, encode: Encode, *, after: str = ""
) -> DiscardedQueue:
    """Let go what waits for a target of the next tickets after one. Raises NoSuchTarget, StillDeclared."""
    tickets = await undeclared.tickets_after(connection, target, after)
    letters = await _locked(connection, target, tickets)
    why = f"{decision.by}: {decision.why}"
    discarded, left = await undeclared.discard(connection, target, tickets, why, decision.at)
    await _closed(connection, letters, decision, encode)
    return DiscardedQueue(target=target, discarded=discarded, letters=len(letters), left=left, next=_next(tickets))


async def move_queue(
    connection: Connection, target: str, other: str, decision: Decision, encode: Encode, *, after: str = ""
) -> MovedQueue:
    """Let what waits for a target of the next tickets after one wait for another, in order per ticket.

    Letters are tried there as if never before. Raises NoSuchTarget, StillDeclared, NotDeclared.
    """
    tickets = await undeclared.tickets_after(connection, target, after)
    letters = await _locked(connection, target, tickets)
    edited = {one.ticket_id for one in letters if one.edited is not None}
    why = f"{other} <- {decision.by}: {decision.why}"
    moving = [one for one in tickets if one not in edited]
    moved = await undeclared.move(connection, target, other, why, decision.at, tickets=moving)
    closed = [one for one in letters if (one.ticket_id, one.version) in moved.settled]
    await _closed(connection, closed, decision, encode)
    return MovedQueue(
        target=target,
        to=other,
        moved=moved.moved,
        known=moved.known,
        letters=len(closed),
        left=moved.left,
        not_taken=moved.not_taken,
        next=_next(tickets),
    )


async def discard_whole_queue(pool: Pool, target: str, decision: Decision, encode: Encode) -> DiscardedQueue:
    """Let go all that waits for a target, step by step. Raises NoSuchTarget, StillDeclared, StoreUnavailable."""
    done = total = await in_transaction(pool, discard_queue, target, decision, encode)
    while done.next is not None:
        done = await in_transaction(pool, discard_queue, target, decision, encode, after=done.next)
        total = replace(done, discarded=total.discarded + done.discarded, letters=total.letters + done.letters)
    return total


async def move_whole_queue(pool: Pool, target: str, other: str, decision: Decision, encode: Encode) -> MovedQueue:
    """Let all that waits for a target wait for another, step by step.

    Raises NoSuchTarget, StillDeclared, NotDeclared, StoreUnavailable.
    """
    done = total = await in_transaction(pool, move_queue, target, other, decision, encode)
    while done.next is not None:
        done = await in_transaction(pool, move_queue, target, other, decision, encode, after=done.next)
        total = replace(
            done,
            moved=total.moved + done.moved,
            known=total.known + done.known,
            letters=total.letters + done.letters,
            not_taken=Counter(total.not_taken) + Counter(done.not_taken),
        )
    return total


def _next(tickets: Sequence[str]) -> str | None:
    return tickets[-1] if len(tickets) == undeclared.TICKETS_MAX else None


async def _locked(connection: Connection, target: str, tickets: Sequence[str]) -> Sequence[LockedLetter]:
    """Lock the open letters of these tickets, before their queues, as all do who decide about letters."""
    numbers = [number for (number,) in await (await connection.execute(_OPEN, (target, tickets))).fetchall()]
    return await store.lock(connection, numbers) if numbers else []


async def _closed(connection: Connection, letters: Sequence[LockedLetter], decision: Decision, encode: Encode) -> None:
    if letters:
        await store.move(connection, [one.id for one in letters], "discarded", decision, encode)
