"""A ticket's way through the bus: which hop, when, how long after the one before, from what the stores know."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row

from bus.domain.events import Recorded
from bus.domain.events_page import PAGE_BYTES_MAX
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import phone_spellings, spellings
from bus.intake.dispatch import utc_now
from bus.journey.hop_sources import DEAD_LETTERS, DELIVERIES, EVENTS, SOURCES, DeadLetterRow, HopSource
from bus.journey.hops import hops_of
from bus.journey.judge import NOTHING_STUCK, TicketRecord, judge, judge_inputs
from bus.journey.readings import read_readings
from bus.observability.masking import mask_text
from bus.postgres.clear_events import ClearEvents
from bus.postgres.pool import Connection, Pool, snapshot
from bus.wire.codec import event_json, ticket_from_json
from schemas.topics import LOG

LETTERS_MAX = 100
EVENTS_MAX = 200  # told at once

# By ticket no., trace id, a phone, serial or order, a source's number, or the trace of a later request that became a
# letter: what is the bus's own comes before what anybody may write, and what has a form before what has none.
_FIND: LiteralString = """
SELECT state FROM ticket_states JOIN (
    SELECT ticket_id, min(rank) AS rank FROM (
        SELECT ticket_id, 1 AS rank FROM ticket_states WHERE ticket_id = ANY(%(any)s)
        UNION ALL SELECT ticket_id, 2 FROM ticket_states WHERE trace_id = ANY(%(any)s)
        UNION ALL (SELECT ticket_id, 3 FROM ticket_phones WHERE phone = ANY(%(phones)s)
                   ORDER BY ticket_id DESC LIMIT 20)
        UNION ALL SELECT ticket_id, CASE WHEN kind LIKE 'source:%%' THEN 5 ELSE 4 END FROM ticket_names
                  WHERE value = ANY(%(any)s)
        UNION ALL (SELECT ticket_id, 4 FROM device_history WHERE serial = ANY(%(any)s)
                   ORDER BY opened_at DESC LIMIT 20)
        UNION ALL (SELECT ticket_id, 6 FROM letters WHERE trace_id = ANY(%(any)s) ORDER BY id DESC LIMIT 20)) found
    GROUP BY ticket_id) ranked USING (ticket_id)
ORDER BY rank, (state->>'opened_at')::timestamptz DESC LIMIT 20"""
# A row of an import is not yet known by its ticket, but by the trace that its source's number gives.
_REFUSED = """
SELECT * FROM (
    SELECT code, field, detail_zh, detail_en, origin, last_at AS at, times FROM refused_inputs
    WHERE ticket_id = %(ticket)s OR (origin LIKE 'import:%%' AND trace_id = ANY(%(traces)s))
    ORDER BY last_at DESC LIMIT %(most)s) latest ORDER BY at"""
_TYPES = "SELECT DISTINCT ce_type FROM events WHERE ticket_id = %(ticket)s"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReaders:
    """Who reads the log `ticket.events`: the broker's name of it, and the stage of each handler that reads it."""

    records: str
    stages: Mapping[str, str]


async def journey(
    pool: Pool,
    clear: ClearEvents,
    log: LogReaders,
    anything: str,
    *,
    after: int = 0,
    most: int = EVENTS_MAX,
    now: Callable[[], datetime] = utc_now,
) -> dict[str, Any] | None:
    """Tell a ticket's journey, found by ticket no., source no., serial, order no., phone or trace id; None if unknown.

    All is of one moment: a ticket may change meanwhile.
    At most `most` events after that version are told; `next` is the cursor of those that follow.

    Hops: occurred, received, committed, published (per topic), projected (per read model), pushed (per client), and per
    target enqueued, delivered, discarded, dead; each with `at` and `lag_ms` after the hop it followed; without a time
    waiting (for Kafka) and delivery_waiting. Letters known by the name while no ticket is are told without one.
    Raises StoreUnavailable, and as `SchemaLearner.events` does.
    """
    names = spellings(anything)
    phones = [clear.keys.lookup(one) for one in phone_spellings(anything)]
    async with snapshot(pool) as connection:
        states = await _rows(connection, _FIND, {"any": names, "phones": phones})
        found = [ticket_from_json(state) for (state,) in states]
        ticket = found[0] if found else None
        if ticket is None:
            asked = {"tickets": names, "traces": names, "most": LETTERS_MAX}
            letters = await _read(connection, DEAD_LETTERS, asked)
            return _without_ticket(letters) if letters else None
        asked = {
            "ticket": ticket.ticket_id,
            "tickets": [ticket.ticket_id],
            "traces": [ticket.trace_id],
            "most": LETTERS_MAX,
            "log": LOG,
            "records": log.records,
            "assignee": ticket.assignee.person,
            "after": after,
            "events": most,
            "bytes": PAGE_BYTES_MAX,
        }
        rows = {source: await _read(connection, source, asked) for source in SOURCES}
        refused = await _rows(connection, _REFUSED, asked)
        readings = await read_readings(connection, log.stages, asked)
        types = frozenset(one.rsplit(".", 1)[0] for (one,) in await _rows(connection, _TYPES, asked))
    # Its look-ups need the connection that is free now.
    events = await clear.schemas.events([row.value for row in rows[EVENTS]])
    hops, letters = hops_of(rows), rows[DEAD_LETTERS]
    record = TicketRecord(ticket=ticket, types=types, deliveries=rows[DELIVERIES], letters=letters)
    return {
        **_head(ticket),
        "also": sorted({other.ticket_id for other in found} - {ticket.ticket_id}),
        "events": [{**_event_head(event), "hops": hops[event.version]} for event in events],
        "refusals": [dict(zip(_REFUSAL, row, strict=True)) for row in refused],
        "letters": [letter_json(letter) for letter in letters],
        "verdict": [one.as_json() for one in judge(record, readings, now())],
        "next": str(events[-1].version) if events and events[-1].version < ticket.version else None,
    }


_REFUSAL = ("code", "field", "detail", "detail_en", "origin", "at", "times")


def letter_json(letter: DeadLetterRow) -> dict[str, Any]:
    """Give a letter as JSON values: what died of what, and what people decided. Free text is masked as in logs."""
    return {
        "number": letter.id,
        "origin": letter.origin,
        "ticket_id": letter.ticket_id or None,
        "version": letter.version or None,
        "event": letter.event or None,
        "state": letter.state,
        "reason": letter.reason,
        "kind": letter.kind,
        "detail": mask_text(letter.detail),
        "message": letter.message and mask_text(letter.message),
        "attempts": letter.attempts,
        "died_at": letter.died_at,
        "edited_from": letter.edited_from,
        "decisions": [{**one, "why": mask_text(one["why"])} for one in letter.decisions],
    }


def _without_ticket(letters: Sequence[DeadLetterRow]) -> dict[str, Any]:
    """Tell letters of which no ticket is known, in the same shape."""
    nobody = dict.fromkeys(("ticket_id", "source", "source_no", "title", "state", "state_zh", "version", "opened_at"))
    return {
        **nobody,
        "trace_id": letters[-1].trace_id,
        "also": [],
        "events": [],
        "refusals": [],
        "letters": [letter_json(letter) for letter in letters],
        "verdict": [one.as_json() for one in judge_inputs(letters) or [NOTHING_STUCK]],
        "next": None,
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


def _event_head(recorded: Recorded) -> dict[str, Any]:
    event = event_json(recorded)
    keys = ("version", "event_type", "event_id", "actor", "source", "historic", "implied", "waived")
    return {key: event[key] for key in keys}


async def _rows(connection: Connection, query: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, parameters)).fetchall()


async def _read(connection: Connection, source: HopSource[_Row], asked: Mapping[str, Any]) -> list[_Row]:
    async with connection.cursor(row_factory=class_row(source.row)) as cursor:
        return await (await cursor.execute(source.query, asked)).fetchall()
