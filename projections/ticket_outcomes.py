"""The read model `outcomes`: of each ticket what the metrics of `bus.insight` ask (R3, R27, R28, R31, R32)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from bus.domain.closing_events import ClosureConfirmed, ClosureRejected, TicketReopened, TicketResolved
from bus.domain.errors import VersionMissing
from bus.domain.events import EngineerArrived, ProgressAsked, Recorded, ReportJoined, TicketAssigned, TicketOpened
from bus.domain.no_key import is_no_number
from bus.domain.promise_events import TicketReclassified
from bus.domain.terms import JoinCause, KeyKind, TicketId, is_synthetic
from bus.domain.ticket_keys import key_name, plain_number
from projections.read_model import Key, Table, Written
from projections.ticket_model import ticket_model


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOutcome:
    """What became of a ticket, up to `version`.

    `closed_at` is its first closure, `reopened_at` the first reopening after it; `handlers`, `visits` and `sent_back`
    count up to that closure, so that what is counted of a past month stays. `sent_back`: closures rejected, and
    solutions taken back before. `handlers_unknown`: a history waived who had it. Reports joined: by the source's own
    number, by the key from the source that opened it, and by the key from another source.
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
        serial="" if is_no_number(event.serial) else plain_number(event.serial),
        key_kind=kind,
        key="" if kind is KeyKind.PHONE else key_name(event).value,  # sealed
        opened_at=event.opened_at,
        product=event.product,
        batch=plain_number(event.batch),
    )


def _changed(row: TicketOutcome, recorded: Recorded) -> TicketOutcome:
    match recorded.event:
        case TicketReclassified(type=type_):
            return replace(row, type=type_)
        case TicketResolved(root_cause=root_cause, knowledge=knowledge):
            return replace(row, resolved_at=recorded.occurred_at, root_cause=root_cause, knowledge=knowledge)
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
        case TicketAssigned(assignee=assignee) if not assignee.person:
            return replace(row, handlers_unknown=True)
        case TicketAssigned(assignee=assignee) if assignee.person not in row.handlers:
            return replace(row, handlers=(*row.handlers, assignee.person))
        case EngineerArrived():
            return replace(row, visits=row.visits + 1)
        case ClosureRejected() | TicketReopened():
            return replace(row, sent_back=row.sent_back + 1)
        case _:
            return row


def write(_: TicketOutcome | None, row: TicketOutcome) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    return {"ticket_outcomes": [asdict(row)]}


_STORED = tuple(one.name for one in fields(TicketOutcome) if one.name != "ticket_id")


def _read(key: Key, stored: Sequence[Any]) -> TicketOutcome:
    values = dict(zip(_STORED, stored, strict=True))
    values |= {name: tuple(values[name]) for name in ("handlers", "knowledge")}
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
