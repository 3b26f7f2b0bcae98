"""The read model `outcomes`: of each ticket what the metrics of `bus.insight` ask (R3, R27 to R34)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from bus.domain.closing_events import ClosureConfirmed, ClosureRejected, TicketReopened, TicketResolved
from bus.domain.errors import VersionMissing
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    PartsIssued,
    ProgressAsked,
    Recorded,
    ReportJoined,
    TicketAssigned,
    TicketOpened,
    TicketReturned,
    WorkStarted,
)
from bus.domain.no_key import is_no_number
from bus.domain.promise_events import SlaBreached, SlaBreachWithdrawn, SlaWarned, TicketReclassified
from bus.domain.terms import ClockName, JoinCause, KeyKind, Substate, TicketId, is_synthetic
from bus.domain.ticket_keys import key_name, plain_number
from projections.read_model import Key, Table, Written
from projections.ticket_model import ticket_model
from schemas.resolved_work import lacks_work, says_unsolved

VISIT: Final = "visit"
_WORKS: Final = (Substate.REMOTE_DIAGNOSIS, Substate.PARTS)  # on_site alone is no visit: somebody must have arrived


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOutcome:
    """What became of a ticket, up to `version`.

    `closed_at` is its first closure, `reopened_at` the first reopening after it; `handlers`, `visits` and `sent_back`
    count up to that closure, so that what is counted of a past month stays. `sent_back`: closures rejected, and
    solutions taken back before. Who did not claim an offer is no handler. `handlers_unknown`: a history waived who had
    it. Reports joined: by the source's own number, by the key from the source that opened it, and by the key from
    another source. `handler` and `taken_at`: who has it since when, `works`: what was done, up to that closure, too;
    of the last resolution whether its summary says that nothing was solved, whether it lacks the work that its type
    needs (None: none), and whether it came after the warning of its promise and before the breach.
    """

    ticket_id: TicketId
    version: int
    historic: bool
    source: str
    type: str
    serial: str
    key_kind: KeyKind
    key: str
    opened_at: datetime
    resolved_at: datetime | None = None
    root_cause: str = ""
    knowledge: tuple[str, ...] = ()
    closed_at: datetime | None = None
    reopened_at: datetime | None = None
    handlers: tuple[str, ...] = ()
    handlers_unknown: bool = False
    visits: int = 0
    sent_back: int = 0
    asked: int = 0
    joined_number: int = 0
    joined_key: int = 0
    joined_elsewhere: int = 0
    product: str = ""
    batch: str = ""
    region: str = ""
    priority: str = ""
    handler: str = ""
    taken_at: datetime | None = None
    works: tuple[str, ...] = ()
    unsolved: bool = False
    lacks_work: bool | None = None
    warned: bool = False
    breached: bool = False
    near_deadline: bool = False


def project(row: TicketOutcome | None, recorded: Recorded) -> TicketOutcome | None:
    """Fold one event; a virtual ticket has no row; a repeat changes nothing. A gap is VersionMissing."""
    if row is None:
        return _opened(recorded, recorded.event) if isinstance(recorded.event, TicketOpened) else None
    if recorded.version <= row.version:
        return row
    if recorded.version != row.version + 1:
        raise VersionMissing(row.ticket_id, version=recorded.version, known=row.version)
    changed = _changed(row, recorded)
    return replace(changed if row.closed_at else _on_the_way(changed, recorded), version=recorded.version)


def _opened(recorded: Recorded, event: TicketOpened) -> TicketOutcome | None:
    if is_synthetic(recorded.ticket_id):
        return None
    kind = event.incident_key.kind
    return TicketOutcome(
        ticket_id=recorded.ticket_id,
        version=recorded.version,
        historic=recorded.historic,
        source=recorded.source,
        type=event.type,
        serial=_one_spelling(event.serial),
        key_kind=kind,
        key="" if kind is KeyKind.PHONE else key_name(event).value,  # sealed
        opened_at=event.opened_at,
        product=_one_spelling(event.product),
        batch=_one_spelling(event.batch),
        region=event.region,
        priority=event.priority,
    )


def _one_spelling(number: str) -> str:
    """Give what devices are told apart by; empty for a word that stands for none, which would join them all."""
    return "" if is_no_number(number) else plain_number(number)


def _changed(row: TicketOutcome, recorded: Recorded) -> TicketOutcome:
    match recorded.event:
        case TicketReclassified(type=type_, priority=priority, region=region):
            return replace(row, type=type_, priority=priority or row.priority, region=region)
        case TicketResolved(root_cause=root_cause, knowledge=knowledge, summary=summary):
            return replace(
                row,
                resolved_at=recorded.occurred_at,
                root_cause=root_cause,
                knowledge=knowledge,
                unsolved=says_unsolved(summary),
                lacks_work=lacks_work(row.type, row.works),
            )
        case ClosureConfirmed():
            return replace(row, closed_at=row.closed_at or recorded.occurred_at)
        case ClosureRejected():
            return replace(row, resolved_at=None, root_cause="", knowledge=())
        case TicketReopened():
            reopened_at = row.reopened_at or (recorded.occurred_at if row.closed_at else None)
            return replace(row, resolved_at=None, root_cause="", knowledge=(), reopened_at=reopened_at)
        case ProgressAsked():
            return replace(row, asked=row.asked + 1)
        case ReportJoined(cause=JoinCause.SAME_SOURCE_NO):
            return replace(row, joined_number=row.joined_number + 1)
        case ReportJoined() if recorded.source == row.source:
            return replace(row, joined_key=row.joined_key + 1)
        case ReportJoined():
            return replace(row, joined_elsewhere=row.joined_elsewhere + 1)
        case _:
            return row


def _on_the_way(row: TicketOutcome, recorded: Recorded) -> TicketOutcome:
    """Fold what counts until a ticket is first closed."""
    match recorded.event:
        case TicketAssigned():
            return _taken(row, recorded.event, recorded.occurred_at)
        case AssignmentAccepted(automatic=False) | EngineerDeparted(automatic=False):
            return _handled(row)
        case TicketReturned():
            return replace(row, handler="", taken_at=None)
        case EngineerArrived():
            return _handled(replace(row, visits=row.visits + 1, works=_with(row.works, VISIT)))
        case WorkStarted(substate=substate):
            return _handled(replace(row, works=_with(row.works, substate.value)) if substate in _WORKS else row)
        case PartsIssued():
            return replace(row, works=_with(row.works, Substate.PARTS.value))
        case SlaWarned(clock=ClockName.RESOLUTION):
            return replace(row, warned=True)
        case SlaBreached(clock=ClockName.RESOLUTION):
            return replace(row, breached=True)
        case SlaBreachWithdrawn(clock=ClockName.RESOLUTION):
            return replace(row, breached=False, near_deadline=row.warned and row.resolved_at is not None)
        case TicketResolved():
            return _handled(replace(row, near_deadline=row.warned and not row.breached))
        case ClosureRejected() | TicketReopened():
            return replace(row, sent_back=row.sent_back + 1)
        case _:
            return row


def _taken(row: TicketOutcome, event: TicketAssigned, at: datetime) -> TicketOutcome:
    person = event.assignee.person
    if not person:
        return replace(row, handlers_unknown=True, handler="", taken_at=None)
    taken = replace(row, handler=person, taken_at=row.taken_at if person == row.handler else at)
    return taken if event.claim_due_at else _handled(taken)


def _handled(row: TicketOutcome) -> TicketOutcome:
    """Count who has it among those who handled it; who is offered it is one once they claim it or work on it."""
    return replace(row, handlers=_with(row.handlers, row.handler)) if row.handler else row


def _with(known: tuple[str, ...], name: str) -> tuple[str, ...]:
    return known if name in known else (*known, name)


def write(_: TicketOutcome | None, row: TicketOutcome) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    return {"ticket_outcomes": [asdict(row)]}


_STORED = tuple(one.name for one in fields(TicketOutcome) if one.name != "ticket_id")


def _read(key: Key, stored: Sequence[Any]) -> TicketOutcome:
    values = dict(zip(_STORED, stored, strict=True))
    values |= {name: tuple(values[name]) for name in ("handlers", "knowledge", "works")}
    values |= {"key_kind": KeyKind(values["key_kind"])}
    return TicketOutcome(ticket_id=TicketId(key[0]), **values)


OUTCOMES = ticket_model(
    name="outcomes",
    tables=(Table(name="ticket_outcomes", key=("ticket_id",)),),
    project=project,
    stored=_STORED,
    read=_read,
    write=write,
)
