"""The names that a journey is found by, and the tickets that have one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import LiteralString
from uuid import UUID

from bus.archive.reader import ticket_of_event
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import phone_spellings, spellings
from bus.intake.command_ids import FIRST_STEP, command_id, delivery_command_id
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import Connection
from bus.wire.codec import ticket_from_json

# By ticket no., trace id, a phone, an event's or a request's id, serial or order, a source's or a target's number, or
# the trace of a later request that became a letter: what is the bus's own comes before what anybody may write, and what
# has a form before what has none.
_FIND: LiteralString = """
SELECT state FROM ticket_states JOIN (
    SELECT ticket_id, min(rank) AS rank FROM (
        SELECT ticket_id, 1 AS rank FROM ticket_states WHERE ticket_id = ANY(%(spellings)s)
        UNION ALL SELECT ticket_id, 2 FROM ticket_states WHERE trace_id = ANY(%(spellings)s)
        UNION ALL (SELECT ticket_id, 3 FROM ticket_phones WHERE phone = ANY(%(phones)s)
                   ORDER BY ticket_id DESC LIMIT 20)
        UNION ALL SELECT ticket_id, CASE WHEN kind LIKE 'source:%%' THEN 5 ELSE 4 END FROM ticket_names
                  WHERE value = ANY(%(spellings)s)
        UNION ALL (SELECT ticket_id, 4 FROM device_history WHERE serial = ANY(%(spellings)s)
                   ORDER BY opened_at DESC LIMIT 20)
        UNION ALL SELECT ticket_id, 4 FROM events WHERE event_id = %(event)s
        UNION ALL SELECT ticket_id, 4 FROM commands WHERE command_id = ANY(%(commands)s)
        UNION ALL (SELECT ticket_id, 6 FROM deliveries WHERE reference = ANY(%(spellings)s) AND reference <> ''
                   ORDER BY enqueued_at DESC LIMIT 20)
        UNION ALL (SELECT ticket_id, 7 FROM letters WHERE trace_id = ANY(%(spellings)s)
                   ORDER BY id DESC LIMIT 20)) found
    GROUP BY ticket_id) ranked USING (ticket_id)
ORDER BY rank, (state->>'opened_at')::timestamptz DESC LIMIT 20"""
_STATE: LiteralString = "SELECT state FROM ticket_states WHERE ticket_id = %s"
_CLIENTS: LiteralString = "SELECT name, false FROM clients UNION ALL SELECT DISTINCT source, true FROM source_maps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a text may be the name of: `typed` as a number, a phone (`phones`, keyed hashes), or an `event` id.

    `commands`: the ids that it gives as an idempotency key or webhook id. `lookups`: its keyed hashes as a number.
    """

    typed: str
    spellings: Sequence[str]
    phones: Sequence[str]
    lookups: Sequence[str]
    event: UUID | None
    commands: Sequence[UUID]


async def names_of(connection: Connection, keys: PersonalKeys, sources: Sequence[str], anything: str) -> Names:
    """Say what a text may name; `sources`, and those with a map, send webhooks; who is or was a client sends keys."""
    typed, rows = anything.strip(), await (await connection.execute(_CLIENTS)).fetchall()
    sending = {*sources, *(name for name, mapped in rows if mapped)}
    return Names(
        typed=typed,
        spellings=spellings(typed),
        phones=[keys.lookup(one) for one in phone_spellings(typed)],
        lookups=[keys.lookup(one) for one in spellings(typed)],
        event=_uuid(typed),
        commands=[
            *(command_id(client, typed) for client in {*sending, *(name for name, _ in rows)}),
            *(delivery_command_id(source, typed, FIRST_STEP) for source in sending),
        ],
    )


async def tickets_named(connection: Connection, names: Names) -> list[Ticket]:
    """Find the tickets of a name, the best first; that of an archived event too. Raises ArchiveUnreadable."""
    whole = asdict(names)
    # With letters it may be a serial that has a phone's digits: a phone where it is nothing else.
    for way in [whole | {"phones": []}, whole] if any(one.isalpha() for one in names.typed) else [whole]:
        if rows := await (await connection.execute(_FIND, way)).fetchall():
            return [ticket_from_json(state) for (state,) in rows]
    if names.event and (ticket_id := await ticket_of_event(connection, names.event)):
        rows = await (await connection.execute(_STATE, (ticket_id,))).fetchall()
        return [ticket_from_json(state) for (state,) in rows]
    return []


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
