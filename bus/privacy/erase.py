"""Erases what is held of a person: the keys of their tickets and inputs are destroyed, and only these (R50)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from uuid_utils.compat import uuid7

from bus.archive.reader import log_values
from bus.domain.batch import Outcome, Refused
from bus.domain.commands import Request
from bus.domain.errors import BusError
from bus.domain.inside_commands import ErasePersonalData
from bus.domain.personal import personal_fields
from bus.domain.terms import BUS, CommandId, State, TicketId, TraceId
from bus.domain.text import Text
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Pool, connected, in_transaction
from bus.privacy.new_log import check_ended
from bus.privacy.phones import mentions
from bus.privacy.reads import record
from bus.privacy.search import PersonRecords, find
from bus.wire.sealing import is_sealed

BATCH: Final = 100
NAMED_MAX: Final = 20  # of tickets that are open, in the refusal
_STATES: LiteralString = "SELECT ticket_id, trace_id, state->>'state' FROM ticket_states WHERE ticket_id = ANY(%s)"
_BODIES: LiteralString = """
SELECT value FROM letters WHERE target = '' AND (ticket_id = ANY(%(tickets)s) OR id = ANY(%(letters)s))
UNION ALL SELECT body FROM refused_inputs WHERE ticket_id = ANY(%(tickets)s) OR id = ANY(%(refused)s)"""
Dispatch = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


class NotErased(BusError):
    """Not all was erased: a ticket of the person is open, or what is held was stored before it was sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """Who has it erased, why and when."""

    by: str
    why: str
    at: datetime


async def erase(pool: Pool, clear: ClearEvents, dispatch: Dispatch, phone: str, erasure: Erasure) -> PersonRecords:
    """Erase what is held of a phone, in its one spelling; gives what that was. Run again after a crash, it goes on.

    Each ticket gets a `PersonalDataErased`, so that subscribers erase their copies and a restored backup is erased
    again. Raises NotErased, NotMigrated, StoreUnavailable, RegistryUnavailable.
    """
    if mentions(erasure.why, phone):
        raise NotErased(str(Text("原因中不要写电话", "leave the phone out of the reason: it is kept for ever")))
    async with connected(pool) as connection:
        await check_ended(connection)
    held = await find(pool, clear, phone)
    if not held:
        return held
    requests = await _requests(pool, held.tickets, erasure)
    bodies = await _bodies(pool, held)
    in_clear = [number for number in held.tickets if await _stored_in_clear(pool, clear, number)]
    if in_clear or not all(map(is_sealed, bodies)):
        zh, en = "有数据在加密之前存入,请先运行 privacy migrate", "some of it was stored before texts were sealed"
        raise NotErased(str(Text(zh, f"{en}; run `ticketbus privacy migrate` first")))
    # The tickets come last: as long as one is left, they and all that is told of them are found again.
    async with connected(pool) as connection:
        await record(connection, held, by=erasure.by, at=erasure.at, what="erase", why=erasure.why)
        await clear.keys.destroy_inputs(connection, bodies)
    for first in range(0, len(requests), BATCH):
        for outcome in await dispatch(requests[first : first + BATCH]):
            if isinstance(outcome, Refused):
                raise NotErased(str(outcome.error))
    return held


async def _requests(pool: Pool, tickets: Sequence[TicketId], erasure: Erasure) -> list[Request]:
    async with connected(pool) as connection:
        rows = await (await connection.execute(_STATES, (list(tickets),))).fetchall()
    if still_open := [ticket_id for ticket_id, _, state in rows if state != State.CLOSED]:
        named = ", ".join(still_open[:NAMED_MAX])
        zh, en = f"工单未关闭: {named}", "these tickets are open; close them first"
        raise NotErased(str(Text(zh, en)))
    return [
        Request(
            command_id=CommandId(uuid7()),
            command=ErasePersonalData(reason=erasure.why),
            source=BUS,
            actor=erasure.by,
            at=erasure.at,
            received_at=erasure.at,
            trace_id=TraceId(trace_id),
            fingerprint="",
            ticket_id=TicketId(ticket_id),
        )
        for ticket_id, trace_id, _ in rows
    ]


async def _bodies(pool: Pool, held: PersonRecords) -> list[bytes]:
    asked = {"tickets": list(held.tickets), "letters": held.letters, "refused": held.refused}
    async with connected(pool) as connection:
        return [body for (body,) in await (await connection.execute(_BODIES, asked)).fetchall()]


async def _stored_in_clear(pool: Pool, clear: ClearEvents, ticket_id: TicketId) -> bool:
    events = await clear.schemas.events(await in_transaction(pool, log_values, ticket_id))
    texts = (text for one in events for text in personal_fields(one.event).values())
    return any(text and not is_sealed(text.encode()) for text in texts)
