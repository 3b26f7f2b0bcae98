"""Rows of the past into commands: a fold over each incident's rows. Pure; the time of import is an argument."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from uuid import UUID, uuid5

from adapters.csv_form import trimmed
from adapters.history.file_order import BETWEEN
from adapters.history.map_file import RowMeaning
from adapters.history.rows import Row
from adapters.history.table import BoundTable, Seen
from adapters.history.ticket_row import ticket_steps
from adapters.history.walk import Reasons, Stand, Step, walk
from bus.domain.commands import Assign, Command, Note, OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab
from bus.domain.terms import CommandId, TraceId
from bus.domain.transitions import TRANSITIONS
from bus.intake.command_bodies import within_limits
from bus.intake.command_ids import delivery_command_id

_TRACES = UUID("7a0a8c0f-6a38-5d0c-8f58-3d1f6f3f0b6a")
_LABELS = {command: kebab(command) for _, command in TRANSITIONS}
_REPEATED = "该行与上一行完全相同 / the row repeats the one before"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentProgress:
    """What is remembered of an incident between its rows; under a kilobyte, the last row included.

    `ordinal` counts every row of the incident, those refused too, so that command ids stay when a map learns a word.
    `at` is the latest time of its rows; `late`: the last row's own time is before that.
    """

    ordinal: int = 0
    stand: Stand | None = None
    last: str = ""
    at: datetime | None = None
    late: bool = False


def step(
    table: BoundTable, progress: IncidentProgress, row: Row, *, received_at: datetime
) -> tuple[IncidentProgress, tuple[Request, ...] | MalformedInput]:
    """Answer a row with its commands, in order, or with why it is refused; a refused row moves the ordinal alone.

    The same row in the same place gives the same command ids and fingerprints, whenever it is read.
    """
    ordinal = progress.ordinal + 1
    try:
        if table.map.row is RowMeaning.TICKET:
            return replace(progress, ordinal=ordinal), _ticket_requests(table, row, received_at)
        seen = table.seen(row.values)
        steps = _steps(table, progress, row, seen)
        table.place(row.values)
        own = table.updated_at(row.values)
        at = max(own, progress.at or own)
        if own < at:
            steps = _with_note(steps, _late(table, row, at))
        stand = Stand(state=seen.state, waiting_for=seen.waiting_for, person=seen.person)
        last = BETWEEN.join(row.values)
        latest = at if at <= received_at else progress.at  # a time still to come is no measure for the next rows
        after = IncidentProgress(ordinal=ordinal, stand=stand, last=last, at=latest, late=own < at)
        return after, _requests(table, after, row, steps, at=at, received_at=received_at)
    except MalformedInput as refused:
        return replace(progress, ordinal=ordinal, late=False), refused


def trace_of(source: str, number: str) -> TraceId:
    """Give the trace id of an incident: the same in every import, so that what is kept of it can be found with it."""
    return TraceId(uuid5(_TRACES, f"{source}|{number}").hex)


def _requests(
    table: BoundTable, after: IncidentProgress, row: Row, steps: list[Step], *, at: datetime, received_at: datetime
) -> tuple[Request, ...]:
    number = table.number_of(row.values)
    content = blake2b(after.last.encode(), digest_size=16).hexdigest()
    make = _maker(table, row, received_at)
    return tuple(
        make(one, at, delivery_command_id(table.map.source, f"{number}|{after.ordinal}", label), f"{content}:{label}")
        for one, label in zip(steps, _labels(steps), strict=True)
    )


def _ticket_requests(table: BoundTable, row: Row, received_at: datetime) -> tuple[Request, ...]:
    """Give the requests of a row that is a whole ticket: their ids stay when a later export tells more of it."""
    number = table.number_of(row.values)
    make = _maker(table, row, received_at)
    return tuple(
        make(one.step, one.at, delivery_command_id(table.map.source, f"{number}|ticket", one.name), one.name)
        for one in ticket_steps(table, row.values, opening_of(table, row))
    )


def _maker(table: BoundTable, row: Row, received_at: datetime) -> Callable[[Step, datetime, CommandId, str], Request]:
    """Give what makes the requests of a row."""
    source, number = table.map.source, table.number_of(row.values)
    trace_id = trace_of(source, number)
    writer = table.actor(row.values) or source
    opener = table.opener(row.values) or writer

    def make(one: Step, at: datetime, id_: CommandId, fingerprint: str) -> Request:
        return Request(
            command_id=id_,
            command=one.command,
            source=source,
            actor=opener if isinstance(one.command, OpenTicket) else writer,
            at=at,
            received_at=received_at,
            trace_id=trace_id,
            fingerprint=fingerprint,
            source_no=number,
            historic=True,
            implied=one.implied,
            waives=_waives(table, one.command),
        )

    return make


def _labels(steps: list[Step]) -> list[str]:
    """Name each step of a row by its command, the second of a kind with its number."""
    count = Counter[str]()
    labels = []
    for one in steps:
        label = _LABELS[type(one.command)]
        count[label] += 1
        labels.append(label if count[label] == 1 else f"{label}-{count[label]}")
    return labels


def _steps(table: BoundTable, progress: IncidentProgress, row: Row, seen: Seen) -> list[Step]:
    before = progress.last.split(BETWEEN) if progress.stand else None
    reasons = Reasons(
        person=_reason(table, before, row, table.assigned_to), state=_reason(table, before, row, table.word)
    )
    ways = walk(progress.stand or Stand(), seen, reasons, table.map.columns.state)
    if before is None:
        return [Step(command=opening_of(table, row)), *ways]
    if steps := list(ways):
        return steps
    changed = table.changed(before, row.values)
    return [Step(command=Note(changed=changed) if changed else Note(text=_REPEATED))]


def _with_note(steps: list[Step], text: str) -> list[Step]:
    """Say something with a row: in its note, where it is one."""
    match steps:
        case [Step(command=Note() as note)]:
            return [Step(command=replace(note, text=f"{note.text}; {text}" if note.text else text))]
        case _:
            return [*steps, Step(command=Note(text=text))]


def _late(table: BoundTable, row: Row, at: datetime) -> str:
    own, taken = f"{table.map.columns.updated_at}: {table.time_text(row.values)}", f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{own} 早于上一行,按 {taken} 计 / is before the row before, taken as {taken}"


def _reason(table: BoundTable, before: list[str] | None, row: Row, position: int | None) -> str:
    if position is None:
        return ""
    after = trimmed(row.values[position])
    return f"{table.header[position]}: {f'{trimmed(before[position])} → {after}' if before else after}"


def opening_of(table: BoundTable, row: Row) -> OpenTicket:
    """Give the command that opens the ticket of a row. Pure. Raises MalformedInput."""
    values = row.values
    number = table.number_of(values)
    opening = OpenTicket(
        incident_key=table.incident_key(values),
        title=table.title(values) or number,
        type=table.map.ticket_type,
        region=table.region(values),
        source_no=number,
        skills=table.skills(values),
        priority=table.priority(values),
        description=table.description(values),
        serial=table.serial(values),
        customer=table.customer(values),
        product=table.product(values),
        batch=table.batch(values),
        customer_ref=table.customer_ref(values),
    )
    return replace(within_limits(opening), opened_at=table.opened_at(values))  # the past may be older than the limits


def _waives(table: BoundTable, command: Command) -> tuple[str, ...]:
    waived = table.map.waived.get(_LABELS[type(command)], ())
    if isinstance(command, Assign) and command.assignee.person:
        return tuple(name for name in waived if name != "assignee.person")
    return waived
