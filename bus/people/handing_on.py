"""The open tickets of somebody who left, handed to who stands in, or else back to the queue (R6)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, LiteralString
from uuid import UUID, uuid5

from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Assign, Command, Request, Return
from bus.domain.decided import Decided
from bus.domain.people import assignee_of
from bus.domain.terms import CommandId
from bus.domain.ticket import Ticket
from bus.domain.values import Assignee
from bus.people.directory import Directory
from bus.postgres.people_rows import PersonRow
from bus.postgres.pool import Connection, connected, in_transaction
from bus.wire.codec import ticket_from_json

AT_ONCE: Final = 100
_SOURCE: Final = "bus"
_NAMESPACE: Final = UUID("b1b6a4c2-6f0e-5a57-9d1c-0e8c4f6f2a77")  # never changes: it makes the ids of commands
_OPEN: Final[LiteralString] = """
SELECT state FROM ticket_states WHERE handler = %s AND ticket_id > %s ORDER BY ticket_id LIMIT %s"""
Dispatch = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOn:
    """How many tickets went to whom; an empty name: back to the queue."""

    to: str
    tickets: int


async def hand_on(directory: Directory, dispatch: Dispatch, left: PersonRow, decided: Decided) -> HandedOn:
    """Give away all open tickets of somebody who left. Run again after a crash, it goes on.

    Raises StoreUnavailable.
    """
    successor = await _successor(directory, left.profile.backup)
    count, after = 0, ""
    while tickets := await in_transaction(directory.pool, _open_tickets, left.profile.person, after):
        after = tickets[-1].ticket_id
        requests = [_request(ticket, handed_on(left.profile.person, successor, decided.why), decided)
                    for ticket in tickets]  # fmt: skip
        count += sum(isinstance(outcome, Accepted) for outcome in await dispatch(requests))
    return HandedOn(to=successor.person if successor else "", tickets=count)


def handed_on(person: str, successor: Assignee | None, why: str) -> Command:
    """Give the command that takes a ticket from somebody who left. Pure."""
    reason = f"{person} 已离岗 / has left: {why}"
    return Assign(assignee=successor, reason=reason) if successor else Return(reason=reason)


async def _successor(directory: Directory, backup: str) -> Assignee | None:
    """Give who stands in as tickets name a responsible person; None unless they are there, with a backup of theirs."""
    present = {one.profile.person: one for one in await directory.listed() if one.left_at is None}
    if backup not in present:
        return None
    async with connected(directory.pool) as connection:
        named = [name for name in (backup, present[backup].profile.backup) if name in present]
        rows = await directory.opened(connection, [present[name] for name in named])
    return assignee_of(rows[backup].profile, {name: one.profile for name, one in rows.items()})


async def _open_tickets(connection: Connection, person: str, after: str) -> list[Ticket]:
    rows = await (await connection.execute(_OPEN, (person, after, AT_ONCE))).fetchall()
    return [ticket_from_json(state) for (state,) in rows]


def _request(ticket: Ticket, command: Command, decided: Decided) -> Request:
    key = f"{ticket.ticket_id}|{ticket.version}|left"
    return Request(
        command_id=CommandId(uuid5(_NAMESPACE, key)),
        command=command,
        source=_SOURCE,
        actor=decided.by,
        at=decided.at,
        received_at=decided.at,
        trace_id=ticket.trace_id,
        fingerprint=sha256(key.encode()).hexdigest(),
        ticket_id=ticket.ticket_id,
    )
