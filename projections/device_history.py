"""The read model `history`: every past repair of a device by its serial, with the parts replaced (R26)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bus.domain.closing_events import ClosureConfirmed, ClosureRejected, TicketReopened, TicketResolved
from bus.domain.errors import VersionMissing
from bus.domain.events import PartsIssued, Recorded, TicketOpened
from bus.domain.no_key import is_no_number
from bus.domain.promise_events import TicketReclassified
from bus.domain.terms import TicketId, is_synthetic
from bus.domain.ticket_keys import plain_number
from bus.domain.values import Part
from projections.read_model import Key, Table, Written
from projections.ticket_model import ticket_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One repair of a device: its ticket, folded up to `version`."""

    ticket_id: TicketId
    version: int
    serial: str
    type: str
    title: str
    opened_at: datetime
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    root_cause: str = ""
    summary: str = ""
    parts: tuple[Part, ...] = ()


def project(row: Repair | None, recorded: Recorded) -> Repair | None:
    """Fold one event; without a serial, or of a virtual ticket, there is no row; a repeat changes nothing.

    A gap is VersionMissing.
    """
    if row is None:
        return _opened(recorded, recorded.event) if isinstance(recorded.event, TicketOpened) else None
    if recorded.version <= row.version:
        return row
    if recorded.version != row.version + 1:
        raise VersionMissing(row.ticket_id, version=recorded.version, known=row.version)
    return replace(_changed(row, recorded), version=recorded.version)


def _opened(recorded: Recorded, event: TicketOpened) -> Repair | None:
    serial = plain_number(event.serial)
    if is_no_number(serial) or is_synthetic(recorded.ticket_id):
        return None
    return Repair(
        ticket_id=recorded.ticket_id,
        version=recorded.version,
        serial=serial,
        type=event.type,
        title=event.title,
        opened_at=event.opened_at,
    )


def _changed(row: Repair, recorded: Recorded) -> Repair:
    match recorded.event:
        case TicketReclassified(type=kind):
            return replace(row, type=kind)
        case TicketResolved(summary=summary, root_cause=root_cause):
            return replace(row, resolved_at=recorded.occurred_at, summary=summary, root_cause=root_cause)
        case ClosureConfirmed():
            return replace(row, closed_at=recorded.occurred_at)
        case ClosureRejected() | TicketReopened():
            return replace(row, resolved_at=None, closed_at=None)
        case PartsIssued(parts=parts):
            return replace(row, parts=(*row.parts, *parts))
        case _:  # whatever else happens to a ticket is no part of a device's history
            return row


def write(_: Repair | None, row: Repair) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    return {
        "device_history": [
            {
                "ticket_id": row.ticket_id,
                "version": row.version,
                "serial": row.serial,
                "type": row.type,
                "title": row.title,
                "opened_at": row.opened_at,
                "resolved_at": row.resolved_at,
                "closed_at": row.closed_at,
                "root_cause": row.root_cause,
                "summary": row.summary,
                "parts": row.parts,
            }
        ]
    }


_STORED = (
    "version",
    "serial",
    "type",
    "title",
    "opened_at",
    "resolved_at",
    "closed_at",
    "root_cause",
    "summary",
    "parts",
)


def _read(key: Key, stored: Sequence[Any]) -> Repair:
    values = dict(zip(_STORED, stored, strict=True))
    values["parts"] = tuple(Part(**part) for part in values["parts"])
    return Repair(ticket_id=TicketId(key[0]), **values)


HISTORY = ticket_model(
    name="history",
    tables=(Table(name="device_history", key=("ticket_id",)),),
    project=project,
    stored=_STORED,
    read=_read,
    write=write,
)
