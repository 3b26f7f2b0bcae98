"""A ticket's way through the bus: which hop, when, how long after the one before, from what the stores know."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeVar

from bus.archive.reader import archived_rows, over_archived
from bus.domain.events import Recorded
from bus.domain.events_page import PAGE_BYTES_MAX
from bus.domain.terms import is_synthetic
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import phone_spellings
from bus.domain.ticket_steps import owed_step
from bus.intake.dispatch import utc_now
from bus.intake.intake_topic import SPOOL_PART
from bus.journey.expected_hops import ExpectedRow, read_expected
from bus.journey.hop_sources import DEAD_LETTERS, DELIVERIES, EVENTS, SOURCES, DeadLetterRow, HopSource
from bus.journey.hops import hops_of
from bus.journey.judge import TicketRecord, judge
from bus.journey.lives import LifeRow, charged, read_lives
from bus.journey.names import Names, names_of, tickets_named
from bus.journey.no_ticket import REFUSED_BY_NAME, RefusedInputRow, UnarrivedTicket, judge_name
from bus.journey.readings import Readings, read_readings
from bus.journey.spooled import NOTHING_SPOOLED, SpoolFound
from bus.observability.masking import mask_text
from bus.postgres.clear_events import ClearEvents
from bus.postgres.heartbeats import Beats, read_beats
from bus.postgres.pool import Connection, Pool, read_rows, snapshot
from bus.wire.codec import event_json
from schemas.topics import LOG

LETTERS_MAX = 100
EVENTS_MAX = 200  # told at once

# A row of an import is not yet known by its ticket, but by the trace that its source's number gives.
_REFUSED = """
SELECT * FROM (
    SELECT code, field, detail_zh, detail_en, origin, last_at AS at, times FROM refused_inputs
    WHERE ticket_id = %(ticket)s OR (origin LIKE 'import:%%' AND trace_id = ANY(%(traces)s))
    ORDER BY last_at DESC LIMIT %(most)s) latest ORDER BY at"""
_TYPES = "SELECT DISTINCT ce_type FROM events WHERE ticket_id = %(ticket)s"
_Row = TypeVar("_Row")


SearchSpool = Callable[[Sequence[str], Sequence[str]], Awaitable[SpoolFound]]
FindMissing = Callable[[Connection, str], Awaitable[Sequence[UnarrivedTicket]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyParts:
    """What of the bus a journey is told from, beside the ticket's own rows.

    `records`: the broker's name of the topic `ticket.events`. `stages`: the stage of each handler that reads it.
    `clients`: who may send requests, beside those with a token. `spool` looks through what waits on `ticket.intake`;
    `missing` gives what reconciliations say of a source's number.
    """

    records: str
    stages: Mapping[str, str]
    clients: Sequence[str] = ()
    spool: SearchSpool | None = None
    missing: FindMissing | None = None


async def journey(
    pool: Pool,
    clear: ClearEvents,
    parts: JourneyParts,
    anything: str,
    *,
    after: int = 0,
    most: int = EVENTS_MAX,
    now: Callable[[], datetime] = utc_now,
) -> dict[str, Any] | None:
    """Tell a ticket's journey, found by any of its names; None if unknown.

    Names: ticket no., source no., serial, order no., phone, trace id, event id, webhook id or idempotency key, and the
    number that a target gave what it was sent.

    All is of one moment: a ticket may change meanwhile.
    At most `most` events after that version are told; `next` is the cursor of those that follow. `time`, in seconds,
    is charged with the first of them alone.

    Hops: occurred, received, committed, published (per topic), projected (per read model), pushed (per client), and per
    target enqueued, delivered, discarded, dead; each with `at` and `lag_ms` after the hop it followed; without a time
    waiting (for Kafka) and delivery_waiting. `expected`: what is missing, due, or was late. Without a ticket, input is
    told that the name is found in: refused, a letter, or waiting on Kafka. Raises StoreUnavailable,
    ArchiveUnreadable, and as `SchemaLearner.events` does.
    """
    async with snapshot(pool) as connection:
        names = await names_of(connection, clear.keys, parts.clients, anything)
        found = await tickets_named(connection, names)
        read = await _ticket_rows(connection, parts, found[0], after=after, most=most, now=now()) if found else None
        known = await _name_rows(connection, parts, names) if read is None else None
    # What follows may need the connection that is free now.
    if known is not None:
        phones = phone_spellings(names.typed)
        return _without_ticket(known, await _spooled(parts, known.beats, names.spellings, phones))
    assert read is not None, "one of both is"
    ticket, rows = found[0], read.rows
    spooled = await _spooled(parts, read.readings.beats, [ticket.ticket_id, ticket.source_no, ticket.trace_id])
    events = await clear.schemas.events([row.value for row in rows[EVENTS]])
    hops, letters = hops_of(rows), rows[DEAD_LETTERS]
    record = TicketRecord(
        ticket=ticket,
        types=read.types,
        deliveries=rows[DELIVERIES],
        letters=letters,
        spooled=spooled,
        expected=read.expected,
    )
    return {
        **_head(ticket),
        "also": sorted({other.ticket_id for other in found} - {ticket.ticket_id}),
        "events": [{**_event_head(event), "hops": hops[event.version]} for event in events],
        "expected": [one.as_json() for one in read.expected],
        "refusals": [dict(zip(_REFUSAL, row, strict=True)) for row in read.refused],
        "letters": [letter_json(letter) for letter in letters],
        "verdict": [one.as_json() for one in judge(record, read.readings, now())],
        "time": None if after else await charged(clear.schemas, read.life, now()),
        "next": str(events[-1].version) if events and events[-1].version < ticket.version else None,
    }


_OF_TICKET = ("ticket_id", "source", "source_no", "title", "state", "state_zh", "version", "opened_at", "next_step")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _TicketRows:
    """What was read of a ticket, of one moment."""

    rows: Mapping[HopSource[Any], Sequence[Any]]
    refused: Sequence[tuple[Any, ...]]
    readings: Readings
    expected: Sequence[ExpectedRow]
    types: frozenset[str]
    life: Sequence[LifeRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _NameRows:
    """What was read of a name that no ticket has."""

    letters: Sequence[DeadLetterRow]
    refused: Sequence[RefusedInputRow]
    missing: Sequence[UnarrivedTicket]
    beats: Beats


async def _ticket_rows(
    connection: Connection, parts: JourneyParts, ticket: Ticket, *, after: int, most: int, now: datetime
) -> _TicketRows:
    asked = {
        "ticket": ticket.ticket_id,
        "tickets": [ticket.ticket_id],
        "traces": [ticket.trace_id],
        "most": LETTERS_MAX,
        "log": LOG,
        "records": parts.records,
        "assignee": ticket.assignee.person,
        "after": after,
        "events": most,
        "bytes": PAGE_BYTES_MAX,
    }
    archived = await archived_rows(connection, [ticket.ticket_id])
    asked |= archived.asked
    return _TicketRows(
        rows={source: await _read(connection, source, asked) for source in SOURCES},
        refused=await _rows(connection, _REFUSED, asked),
        readings=await read_readings(connection, parts.stages, asked),
        expected=await read_expected(connection, asked, now),
        life=[] if after else await read_lives(connection, [ticket.ticket_id], archived),
        types=frozenset(one.rsplit(".", 1)[0] for (one,) in await _rows(connection, archived.over(_TYPES), asked)),
    )


async def _name_rows(connection: Connection, parts: JourneyParts, names: Names) -> _NameRows:
    any_of = names.spellings
    asked = {"lookups": names.lookups, "refs": [*any_of, *map(str, names.commands)]}
    return _NameRows(
        letters=await _read(connection, DEAD_LETTERS, {"tickets": any_of, "traces": any_of, "most": LETTERS_MAX}),
        refused=await read_rows(connection, REFUSED_BY_NAME, RefusedInputRow, asked),
        missing=await parts.missing(connection, names.typed) if parts.missing else [],
        beats=await read_beats(connection),
    )


def _without_ticket(known: _NameRows, spooled: SpoolFound) -> dict[str, Any] | None:
    """Tell what is known by a name that no ticket has, in the same shape; None: nobody knows it."""
    verdicts = judge_name(known.refused, known.letters, spooled, known.missing)
    if not verdicts:
        return None
    nobody = dict.fromkeys(_OF_TICKET)
    traces = [*(one.trace_id for one in known.letters), *(one.trace_id for one in known.refused)]
    return {
        **nobody,
        "synthetic": False,
        "trace_id": traces[-1] if traces else "",
        "also": [],
        "events": [],
        "expected": [],
        "refusals": [],
        "letters": [letter_json(letter) for letter in known.letters],
        "verdict": [one.as_json() for one in verdicts],
        "time": None,
        "next": None,
    }


async def _spooled(parts: JourneyParts, beats: Beats, names: Sequence[str], phones: Sequence[str] = ()) -> SpoolFound:
    """Look through the intake topic, if a gateway says that something waits there."""
    if parts.spool is None or not any(one.parts.get(SPOOL_PART) for one in beats):
        return NOTHING_SPOOLED
    return await parts.spool(names, phones)


def _head(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket_id": ticket.ticket_id,
        "synthetic": is_synthetic(ticket.ticket_id),
        "trace_id": ticket.trace_id,
        "source": ticket.source,
        "source_no": ticket.source_no,
        "title": ticket.title,
        "state": ticket.state.value,
        "state_zh": ticket.state.zh,
        "version": ticket.version,
        "opened_at": ticket.opened_at,
        "next_step": owed.as_json() if (owed := owed_step(ticket)) else None,
    }


def _event_head(recorded: Recorded) -> dict[str, Any]:
    event = event_json(recorded)
    keys = ("version", "event_type", "event_id", "actor", "source", "historic", "implied", "waived")
    return {key: event[key] for key in keys}


async def _rows(connection: Connection, query: LiteralString, parameters: Any) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, parameters)).fetchall()


async def _read(connection: Connection, source: HopSource[_Row], asked: Mapping[str, Any]) -> list[_Row]:
    query = over_archived(source.query, asked) if source is EVENTS else source.query
    return await read_rows(connection, query, source.row, asked)
