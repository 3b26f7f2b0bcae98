"""Plans the promises of open tickets anew, once the hours of their calendars are others (R7)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bus.domain.batch import Accepted, CommandResult, Outcome
from bus.domain.calendars import Calendars
from bus.domain.commands import Request
from bus.domain.inside_commands import ReplanPromises
from bus.postgres.pool import Pool, connected
from bus.process.process_manager import WantedCommand, request_of
from bus.wire.codec import ticket_from_json

BATCH: Final = 100
_OPEN: LiteralString = """
SELECT ticket_id, state::text FROM ticket_states
WHERE ticket_id > %s AND state->>'state' <> 'closed' AND state->'resolution'->'calendar'->>'version' <> ALL(%s)
ORDER BY ticket_id LIMIT %s"""
Dispatch = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """How many open tickets count in other hours now, and of how many the hours ahead were the same."""

    tickets: int
    same: int
    refused: int


async def replan_open(
    pool: Pool, dispatch: Dispatch, calendars: Calendars, reason: str, now: Callable[[], datetime]
) -> Replanned:
    """Plan all open tickets anew whose calendar has another version by now; harmless to repeat, and to break off.

    Raises StoreUnavailable.
    """
    current, last = [one.version for one in calendars.by_name.values()], ""
    outcomes = list[Outcome]()
    while True:
        async with connected(pool) as connection:
            rows = await (await connection.execute(_OPEN, (last, current, BATCH))).fetchall()
        if not rows:
            break
        last, at = rows[-1][0], now()
        wanted = WantedCommand(command=ReplanPromises(reason=reason), name="calendar", at=at)
        outcomes += await dispatch([request_of(ticket_from_json(state), wanted, at) for _, state in rows])
    accepted = [one for one in outcomes if isinstance(one, Accepted)]
    same = sum(one.answer is CommandResult.UNCHANGED for one in accepted)
    return Replanned(tickets=len(accepted) - same, same=same, refused=len(outcomes) - len(accepted))
