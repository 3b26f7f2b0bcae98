"""A ticket's way through the bus: which hop, when, how long after the one before, from what the stores know."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row

from bus.domain.events import Recorded
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import spellings
from bus.intake.dispatch import utc_now
from bus.journey.hops import DeadLetterRow, DeliveryRow, first_hops, joined, letter_told
from bus.journey.verdict import verdict
from bus.postgres.pool import Connection, Pool, snapshot
from bus.registry import SchemaLearner
from bus.wire.codec import event_json, ticket_from_json
from schemas.topics import LOG

LETTERS_MAX = 100

# By ticket no., trace id (a later request's own, if it became a letter), any name (serial, order, phone, source no.) or
# the device's serial; the newest ticket first.
_FIND: LiteralString = """
SELECT state FROM ticket_states WHERE ticket_id IN (
    SELECT ticket_id FROM ticket_states WHERE ticket_id = ANY(%(any)s) OR trace_id = ANY(%(any)s)
    UNION SELECT ticket_id FROM ticket_names WHERE value = ANY(%(any)s)
    UNION (SELECT ticket_id FROM letters WHERE trace_id = ANY(%(any)s) ORDER BY id DESC LIMIT 20)
    UNION (SELECT ticket_id FROM device_history WHERE serial = ANY(%(any)s) ORDER BY opened_at DESC LIMIT 20))
ORDER BY (state->>'opened_at')::timestamptz DESC LIMIT 20"""
_EVENTS = """
SELECT e.value, c.received_at FROM events e LEFT JOIN commands c USING (command_id)
WHERE e.ticket_id = %s ORDER BY e.version"""
_PUBLISHED = """
SELECT version, topic, shard, kafka_offset, published_at FROM outbox WHERE ticket_id = %s ORDER BY version, topic"""
_PROJECTED = """
SELECT o.version, s.handler, b.at FROM outbox o
JOIN stage_offsets s ON s.partition = o.shard AND s.topic = %(records)s
CROSS JOIN LATERAL (
    SELECT next_offset, at FROM stage_batches
    WHERE handler = s.handler AND partition = s.partition AND first_offset <= o.kafka_offset
    ORDER BY first_offset DESC LIMIT 1) b
WHERE o.ticket_id = %(ticket)s AND o.topic = %(log)s AND o.kafka_offset < b.next_offset ORDER BY o.version, b.at"""
_PUSHED = "SELECT version, topic, client, pushed_at FROM pushes WHERE ticket_id = %s ORDER BY version, pushed_at"
_REFUSED = """
SELECT code, field, detail_zh, detail_en, origin, last_at AS at, times FROM refused_inputs
WHERE ticket_id = %s ORDER BY last_at"""
_DELIVERIES = """
SELECT d.target, d.version, d.state, greatest(d.attempts, h.attempts) AS attempts, d.reference, d.enqueued_at,
       d.settled_at, h.version AS head, h.next_at, h.failures->-1->>'kind' AS kind,
       t.paused, coalesce(t.failures, 0) AS failures, t.not_before
FROM deliveries d
LEFT JOIN delivery_heads h ON d.state = 'waiting' AND (h.target, h.ticket_id) = (d.target, d.ticket_id)
LEFT JOIN delivery_targets t ON t.target = d.target
WHERE d.ticket_id = %s ORDER BY d.target, d.version"""
# Of the ticket, or of its trace and of no ticket. What matters most is among so many: open ones first.
_LETTERS = """
SELECT l.id, l.origin, l.target, l.ticket_id, l.version, l.event, l.trace_id, l.state, l.reason, l.kind, l.detail,
       l.attempts, l.died_at, l.edited_from,
       coalesce((SELECT jsonb_agg(jsonb_build_object('decision', d.decision, 'by', d.decided_by, 'why', d.decided_why,
                 'at', d.decided_at, 'redrive', d.redrive) ORDER BY d.id)
                 FROM letter_decisions d WHERE d.letter = l.id), '[]') AS decisions
FROM letters l
WHERE l.ticket_id = ANY(%(tickets)s) OR l.trace_id = ANY(%(traces)s)
    AND NOT EXISTS (SELECT FROM ticket_states s WHERE s.ticket_id = l.ticket_id)
ORDER BY l.state <> 'open', l.target = '', l.id DESC LIMIT %(most)s"""

_Row = TypeVar("_Row")


async def journey(
    pool: Pool, schemas: SchemaLearner, records: str, anything: str, *, now: Callable[[], datetime] = utc_now
) -> dict[str, Any] | None:
    """Tell a ticket's journey, found by ticket no., source no., serial, order no., phone or trace id; None if unknown.

    `records` is the broker's name of the topic `ticket.events`. All is of one moment: a ticket may change meanwhile.

    Hops: occurred, received, committed, published (per topic), projected (per read model), pushed (per client), and per
    target enqueued, delivered, discarded, dead; each with `at` and `lag_ms` after the hop it followed; without a time
    waiting (for Kafka) and delivery_waiting. Letters known by the name while no ticket is are told without one.
    Raises StoreUnavailable, and as `SchemaLearner.events` does.
    """
    names = spellings(anything)
    async with snapshot(pool) as connection:
        found = [ticket_from_json(state) for (state,) in await _rows(connection, _FIND, {"any": names})]
        ticket = found[0] if found else None
        tickets, traces = ([ticket.ticket_id], [ticket.trace_id]) if ticket else (names, names)
        asked = {"tickets": tickets, "traces": traces, "most": LETTERS_MAX}
        letters = sorted(await _read(connection, DeadLetterRow, _LETTERS, asked), key=lambda one: one.id)
        if ticket is None:
            return _without_ticket(letters, now()) if letters else None
        one = (ticket.ticket_id,)
        stored = await _rows(connection, _EVENTS, one)
        published = await _rows(connection, _PUBLISHED, one)
        projected = await _rows(connection, _PROJECTED, {"ticket": ticket.ticket_id, "log": LOG, "records": records})
        pushed = await _rows(connection, _PUSHED, one)
        deliveries = await _read(connection, DeliveryRow, _DELIVERIES, one)
        refused = await _rows(connection, _REFUSED, one)
    known = await schemas.events([value for value, _ in stored])  # its look-ups need the connection that is free now
    first = {event.version: first_hops(event, at) for event, (_, at) in zip(known, stored, strict=True)}
    hops = joined(
        first, published=published, projected=projected, pushed=pushed, deliveries=deliveries, letters=letters
    )
    unpublished = [version for version, *_, at in published if at is None]
    return {
        **_head(ticket),
        "also": sorted({other.ticket_id for other in found} - {ticket.ticket_id}),
        "events": [{**_told(event), "hops": hops[event.version]} for event in known],
        "refusals": [dict(zip(_REFUSAL, row, strict=True)) for row in refused],
        "letters": [letter_told(letter) for letter in letters],
        "verdict": verdict(unpublished, deliveries, letters, now()),
    }


_REFUSAL = ("code", "field", "detail", "detail_en", "origin", "at", "times")


def _without_ticket(letters: Sequence[DeadLetterRow], now: datetime) -> dict[str, Any]:
    """Tell letters of which no ticket is known, in the same shape."""
    nobody = dict.fromkeys(("ticket_id", "source", "source_no", "title", "state", "state_zh", "version", "opened_at"))
    return {
        **nobody,
        "trace_id": letters[-1].trace_id,
        "also": [],
        "events": [],
        "refusals": [],
        "letters": [letter_told(letter) for letter in letters],
        "verdict": verdict([], [], letters, now),
    }


def _head(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket_id": ticket.ticket_id,
        "trace_id": ticket.trace_id,
        "source": ticket.source,
        "source_no": ticket.source_no,
        "title": ticket.title,
        "state": ticket.state.value,
        "state_zh": ticket.state.zh,
        "version": ticket.version,
        "opened_at": ticket.opened_at,
    }


def _told(recorded: Recorded) -> dict[str, Any]:
    told = event_json(recorded)
    keys = ("version", "event_type", "event_id", "actor", "source", "historic", "implied", "waived")
    return {key: told[key] for key in keys}


async def _rows(connection: Connection, query: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, parameters)).fetchall()


async def _read(connection: Connection, cls: type[_Row], query: LiteralString, parameters: Any) -> list[_Row]:
    async with connection.cursor(row_factory=class_row(cls)) as cursor:
        return await (await cursor.execute(query, parameters)).fetchall()
