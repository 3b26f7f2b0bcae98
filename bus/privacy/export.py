"""All that is held of a person as one JSON document, line by line: one ticket is in memory at a time."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, LiteralString

import orjson
from psycopg.rows import dict_row

from bus.archive.reader import log_values
from bus.domain.personal import personal_fields
from bus.domain.terms import TicketId
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Pool, connected, in_transaction
from bus.privacy.bodies import clear_bodies
from bus.privacy.search import BATCH, PersonRecords
from bus.wire.codec import event_json, ticket_from_json, ticket_json

_STATE: LiteralString = "SELECT state FROM ticket_states WHERE ticket_id = %s"
_DELIVERIES: LiteralString = """
SELECT target, version, state, attempts, reference, enqueued_at, settled_at FROM deliveries
WHERE ticket_id = %s ORDER BY target, version"""
_PUSHES: LiteralString = """
SELECT client, topic, version, pushed_at FROM pushes WHERE ticket_id = %s ORDER BY client, pushed_at"""
_FILES: LiteralString = """
SELECT sha256, size, media_type, client, uploaded_at FROM files
WHERE tickets @> ARRAY[%s] AND ended_at IS NULL ORDER BY uploaded_at, sha256"""
_LETTERS: LiteralString = """
SELECT l.id AS letter, origin, origin_ref, target, version, event, trace_id, state, reason, kind, detail, attempts,
       failures, headers, began_at, died_at, edited_from, value AS body,
       coalesce((SELECT jsonb_agg(jsonb_build_object('decision', d.decision, 'by', d.decided_by,
                 'why', d.decided_why, 'at', d.decided_at) ORDER BY d.id)
                 FROM letter_decisions d WHERE d.letter = l.id), '[]') AS decisions
FROM letters l"""
_REFUSED: LiteralString = """
SELECT origin, origin_ref, source, code, field, detail_zh, detail_en, trace_id, headers, first_at, last_at, times, body
FROM refused_inputs"""
_OF_TICKET: LiteralString = " WHERE ticket_id = %s ORDER BY id"
_BY_ID: LiteralString = " WHERE id = ANY(%s) ORDER BY id"
Row = dict[str, Any]


async def document(pool: Pool, clear: ClearEvents, held: PersonRecords, now: datetime) -> AsyncIterator[str]:
    """Give the lines of one JSON object: `phone`, `exported_at`, `tickets`; `letters` and `refused_inputs` of none.

    A ticket has its `state`, `events` (as on HTTP, each with the paths of its `personal` fields), `letters`,
    `refused_inputs`, to whom it was given (`deliveries` by target, `pushes` by client), and the `files` that its
    evidence names, without their bytes. Raises as `find` does.
    """
    parts = {
        "tickets": _tickets(pool, clear, held.tickets),
        "letters": _of_no_ticket(pool, clear, _LETTERS, held.letters),
        "refused_inputs": _of_no_ticket(pool, clear, _REFUSED, held.refused),
    }
    yield f'{{"phone": {json_text(held.phone)}, "exported_at": {json_text(now)}'
    for name, values in parts.items():
        yield f',"{name}": ['
        comma = ""
        async for value in values:
            yield comma + json_text(value)
            comma = ","
        yield "]"
    yield "}"


async def _tickets(pool: Pool, clear: ClearEvents, ticket_ids: Sequence[TicketId]) -> AsyncIterator[Row]:
    for ticket_id in ticket_ids:
        yield await _ticket(pool, clear, ticket_id)


async def _of_no_ticket(
    pool: Pool, clear: ClearEvents, query: LiteralString, numbers: Sequence[int]
) -> AsyncIterator[Row]:
    for first in range(0, len(numbers), BATCH):
        for row in await _inputs(pool, clear, query + _BY_ID, numbers[first : first + BATCH]):
            yield row


async def _ticket(pool: Pool, clear: ClearEvents, ticket_id: TicketId) -> Row:
    (state,) = await _rows(pool, _STATE, ticket_id)
    events = await clear.events(await in_transaction(pool, log_values, ticket_id))
    shown = await clear.of_ticket(ticket_from_json(state["state"]))
    return {
        "ticket_id": ticket_id,
        "state": orjson.loads(ticket_json(shown)),
        "events": [{**event_json(one), "personal": list(personal_fields(one.event))} for one in events],
        "letters": await _inputs(pool, clear, _LETTERS + _OF_TICKET, ticket_id),
        "refused_inputs": await _inputs(pool, clear, _REFUSED + _OF_TICKET, ticket_id),
        "deliveries": await _rows(pool, _DELIVERIES, ticket_id),
        "pushes": await _rows(pool, _PUSHES, ticket_id),
        "files": await _rows(pool, _FILES, ticket_id),
    }


async def _inputs(pool: Pool, clear: ClearEvents, query: LiteralString, which: str | Sequence[int]) -> list[Row]:
    rows = await _rows(pool, query, which)
    bodies = await clear_bodies(pool, clear, [row["body"] for row in rows])
    return [{**row, "body": body} for row, body in zip(rows, bodies, strict=True)]


async def _rows(pool: Pool, query: LiteralString, which: str | Sequence[int]) -> list[Row]:
    async with connected(pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, (which,))).fetchall()


def json_text(value: object) -> str:
    """Write a value as JSON on one line, times as RFC 3339. Pure."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
