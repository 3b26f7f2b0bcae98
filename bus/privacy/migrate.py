"""Seals what PostgreSQL holds in clear, stored before personal texts were sealed: in place, batch by batch (R50)."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, LiteralString, NamedTuple

from bus.domain.errors import BusError
from bus.domain.events import PersonalDataErased
from bus.domain.evolve import evolve
from bus.domain.fast_replace import replace
from bus.domain.personal import with_personal
from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import KEYS_OF_TICKETS
from bus.postgres.pool import Connection, Pool, connected, in_transaction
from bus.postgres.store import columns
from bus.wire.codec import ticket_from_json, ticket_json
from bus.wire.sealing import is_sealed
from schemas.catalogue import BY_CLASS

TICKETS: Final = 25  # in one transaction: of each all events are in memory
BODIES: Final = 50  # likewise: each may hold a megabyte
_STATES: LiteralString = """
SELECT ticket_id, state FROM ticket_states WHERE ticket_id > %s ORDER BY ticket_id LIMIT %s FOR UPDATE"""
_EVENTS: LiteralString = """
SELECT ticket_id, version, value FROM events WHERE ticket_id = ANY(%s) ORDER BY ticket_id, version"""
_PUT_EVENTS: LiteralString = """
UPDATE events e SET value = w.value FROM unnest(%b::text[], %b::int[], %b::bytea[]) AS w (ticket_id, version, value)
WHERE (e.ticket_id, e.version) = (w.ticket_id, w.version)"""
_PUT_STATES: LiteralString = """
UPDATE ticket_states s SET state = w.state FROM unnest(%b::text[], %b::jsonb[]) AS w (ticket_id, state)
WHERE s.ticket_id = w.ticket_id"""
# A ticket whose data was erased; of one that an older backup brought back only the event says so.
_ERASED: LiteralString = """
SELECT about FROM personal_keys WHERE about = ANY(%(tickets)s) AND wrapped IS NULL
UNION SELECT ticket_id FROM events WHERE ticket_id = ANY(%(tickets)s) AND ce_type = %(erased)s"""
_LETTERS: LiteralString = """
SELECT id, target, ticket_id, value FROM letters WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE"""
_PUT_LETTERS: LiteralString = """
UPDATE letters l SET value = w.value FROM unnest(%b::bigint[], %b::bytea[]) AS w (id, value) WHERE l.id = w.id"""
_REFUSED: LiteralString = """
SELECT id, coalesce(ticket_id, ''), body FROM refused_inputs WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE"""
_PUT_REFUSED: LiteralString = """
UPDATE refused_inputs r SET body = w.body FROM unnest(%b::bigint[], %b::bytea[]) AS w (id, body) WHERE r.id = w.id"""
_EDITED: LiteralString = """
SELECT target, ticket_id, edited FROM delivery_heads WHERE edited IS NOT NULL AND (target, ticket_id) > (%s, %s)
ORDER BY target, ticket_id LIMIT %s FOR UPDATE"""
_PUT_EDITED: LiteralString = """
UPDATE delivery_heads h SET edited = w.edited
FROM unnest(%b::text[], %b::text[], %b::bytea[]) AS w (target, ticket_id, edited)
WHERE (h.target, h.ticket_id) = (w.target, w.ticket_id)"""
_NOTE: LiteralString = """
INSERT INTO privacy_migration AS m (begun_by, tickets, letters, refused_inputs) VALUES (%s, %s, %s, %s)
ON CONFLICT (only_one) DO UPDATE SET tickets = m.tickets + excluded.tickets, letters = m.letters + excluded.letters,
    refused_inputs = m.refused_inputs + excluded.refused_inputs"""


class NotMigrated(BusError):
    """It cannot go on; what was done until then stays, and the text says what to do before it is run again."""


class Sealed(NamedTuple):
    """How much was in clear and is sealed now."""

    tickets: int = 0
    letters: int = 0
    refused_inputs: int = 0
    edited: int = 0


class _Batch(NamedTuple):
    """Rows that were looked at: the key of the last (None: there are no more), and how many were in clear."""

    last: Any
    sealed: int


async def seal_stored(pool: Pool, clear: ClearEvents, by: str, progress: Callable[[Sealed], None]) -> Sealed:
    """Seal all that stands in clear, a transaction a batch; run again after a crash, it goes on where it stood.

    Events keep version, ids and times; each state is folded again and must be the same but for its personal texts.
    Raises NotMigrated, StoreUnavailable, RegistryUnavailable, InvariantBroken.
    """
    await in_transaction(pool, clear.keys.seal_names)
    parts: dict[str, tuple[Callable[[Connection, ClearEvents, Any], Awaitable[_Batch]], Any]] = {
        "tickets": (_seal_tickets, ""),
        "letters": (_seal_letters, 0),
        "refused_inputs": (_seal_refused, 0),
        "edited": (_seal_edited, ("", "")),
    }
    done = Sealed()
    for name, (seal, after) in parts.items():
        last = after
        while last is not None:
            async with connected(pool) as connection:
                batch = await seal(connection, clear, last)
                if batch.sealed:
                    now = Sealed(**{name: batch.sealed})
                    await connection.execute(_NOTE, (by, *now[:3]))
            done = done._replace(**{name: getattr(done, name) + batch.sealed})
            progress(done)
            last = batch.last
    return done


async def _seal_tickets(connection: Connection, clear: ClearEvents, after: str) -> _Batch:
    states = await (await connection.execute(_STATES, (after, TICKETS))).fetchall()
    ids = [ticket_id for ticket_id, _ in states]
    events = await (await connection.execute(_EVENTS, (ids,), binary=True)).fetchall()
    values = await _sealed_events(connection, clear, [(ticket_id, value) for ticket_id, _, value in events])
    changed = [
        (ticket_id, version, new)
        for (ticket_id, version, old), new in zip(events, values, strict=True)
        if new is not old
    ]
    both = zip((ticket_id for ticket_id, *_ in events), values, strict=True)
    by_ticket = {ticket_id: [value for _, value in some] for ticket_id, some in groupby(both, itemgetter(0))}
    folded = [_folded(clear, ticket_from_json(state), by_ticket.get(ticket_id, ())) for ticket_id, state in states]
    rows = [(one.ticket_id, ticket_json(one).decode()) for one in folded if one is not None]
    await connection.execute(_PUT_EVENTS, columns(changed, 3))
    await connection.execute(_PUT_STATES, columns(rows, 2))
    return _Batch(ids[-1] if ids else None, len({*(row[0] for row in changed), *(row[0] for row in rows)}))


def _folded(clear: ClearEvents, stored: Ticket, values: Sequence[bytes]) -> Ticket | None:
    """Fold a ticket's events again; None where it is stored so. Raises NotMigrated where more than texts differs."""
    ticket: Ticket | None = None
    for value in values:
        ticket = evolve(ticket, clear.schemas.codec.decode(value))
    if ticket == stored:
        return None
    if ticket is None or with_personal(ticket, _no_text) != with_personal(stored, _no_text):
        zh = f"{stored.ticket_id}: 存储的状态与事件不符,请运行 log verify"
        raise NotMigrated(str(Text(zh, "the stored state is not the fold of its events; run `ticketbus log verify`")))
    return ticket


def _no_text(_: str) -> str:
    return ""


async def _seal_letters(connection: Connection, clear: ClearEvents, after: int) -> _Batch:
    rows = await (await connection.execute(_LETTERS, (after, BODIES), binary=True)).fetchall()
    inputs = [(number, ticket_id, value) for number, target, ticket_id, value in rows if not target]
    events = [(number, ticket_id, value) for number, target, ticket_id, value in rows if target]
    values = await _sealed_events(connection, clear, [one[1:] for one in events])
    changed = await _sealed_inputs(connection, clear, inputs)
    changed += [(old[0], new) for old, new in zip(events, values, strict=True) if new is not old[2]]
    await connection.execute(_PUT_LETTERS, columns(changed, 2))
    return _Batch(rows[-1][0] if rows else None, len(changed))


async def _seal_refused(connection: Connection, clear: ClearEvents, after: int) -> _Batch:
    rows = await (await connection.execute(_REFUSED, (after, BODIES), binary=True)).fetchall()
    changed = await _sealed_inputs(connection, clear, [(row[0], row[1], row[2]) for row in rows])
    await connection.execute(_PUT_REFUSED, columns(changed, 2))
    return _Batch(rows[-1][0] if rows else None, len(changed))


async def _seal_edited(connection: Connection, clear: ClearEvents, after: tuple[str, str]) -> _Batch:
    rows = await (await connection.execute(_EDITED, (*after, BODIES), binary=True)).fetchall()
    values = await _sealed_events(connection, clear, [(ticket_id, value) for _, ticket_id, value in rows])
    changed = [(*row[:2], new) for row, new in zip(rows, values, strict=True) if new is not row[2]]
    await connection.execute(_PUT_EDITED, columns(changed, 3))
    return _Batch(rows[-1][:2] if rows else None, len(changed))


async def _sealed_events(
    connection: Connection, clear: ClearEvents, values: Sequence[tuple[str, bytes]]
) -> list[bytes]:
    """Give events of tickets with their texts sealed: what was sealed before as the very bytes that were given."""
    keys, schemas = clear.keys, clear.schemas
    ids = sorted({ticket_id for ticket_id, _ in values})
    erased = await _erased(connection, ids)
    rows = await (await connection.execute(KEYS_OF_TICKETS, (ids,))).fetchall()
    sealing = keys.sealing(row for row in rows if row[0] not in erased)
    found = list[bytes]()
    for (ticket_id, value), recorded in zip(values, await schemas.events([one[1] for one in values]), strict=True):
        event = sealing.seal_clear(TicketId(ticket_id), recorded.event)
        found.append(value if event is recorded.event else schemas.codec.encode(replace(recorded, event=event)))
    await keys.put(connection, sealing, destroyed=erased)
    return found


async def _sealed_inputs(
    connection: Connection, clear: ClearEvents, rows: Sequence[tuple[int, str, bytes]]
) -> list[tuple[int, bytes]]:
    """Seal the bodies that are in clear: number, ticket's number and body of each; of an erased ticket for good."""
    in_clear = [row for row in rows if not is_sealed(row[2])]
    erased = await _erased(connection, [row[1] for row in in_clear])
    found = list[tuple[int, bytes]]()
    for destroyed in (False, True):
        some = [row for row in in_clear if (row[1] in erased) is destroyed]
        bodies = await clear.keys.sealed_inputs(connection, [body for *_, body in some], destroyed=destroyed)
        found += [(number, body) for (number, *_), body in zip(some, bodies, strict=True)]
    return found


async def _erased(connection: Connection, ticket_ids: Sequence[str]) -> set[str]:
    asked = {"tickets": list(ticket_ids), "erased": BY_CLASS[PersonalDataErased].ce_type}
    return {ticket_id for (ticket_id,) in await (await connection.execute(_ERASED, asked)).fetchall()}
