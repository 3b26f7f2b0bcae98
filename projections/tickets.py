"""The read model `tickets`: each ticket as every list shows it, with its responsibility snapshot (R8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orjson import Fragment

from bus.codec import ticket_from_json, ticket_json
from bus.events import Recorded, SlaBreached, SlaWarned, TicketAssigned
from bus.names import dotted
from bus.terms import TicketId
from bus.ticket import Ticket, evolve
from projections.read_model import ReadModel, Table, Written

BUS = "ticketbus"  # the bus's own actor: its timers act for nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A folded ticket and who acted: creator, last assigner, and the last action of anybody but the bus itself.

    The current handler is the ticket's assignee.
    """

    ticket: Ticket
    creator: str
    assigner: str
    last_at: datetime
    last_action: str


def project(row: TicketRow | None, recorded: Recorded) -> TicketRow:
    """Fold one event; a repeat changes nothing, a missing version is an InvariantBroken."""
    if row is None:
        action = dotted(type(recorded.event))
        return TicketRow(
            ticket=evolve(None, recorded),
            creator=recorded.actor,
            assigner="",
            last_at=recorded.occurred_at,
            last_action=action,
        )
    if recorded.version <= row.ticket.version:
        return row
    own = isinstance(recorded.event, SlaWarned | SlaBreached) or recorded.actor == BUS
    return TicketRow(
        ticket=evolve(row.ticket, recorded),
        creator=row.creator,
        assigner=recorded.actor if isinstance(recorded.event, TicketAssigned) else row.assigner,
        last_at=row.last_at if own else recorded.occurred_at,
        last_action=row.last_action if own else dotted(type(recorded.event)),
    )


def write(_: TicketRow | None, row: TicketRow) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
    ticket = row.ticket
    return {
        "tickets": [
            {
                "ticket_id": ticket.ticket_id,
                "version": ticket.version,
                "trace_id": ticket.trace_id,
                "historic": ticket.historic,
                "source": ticket.source,
                "source_no": ticket.source_no,
                "incident_key": ticket.incident_key,
                "title": ticket.title,
                "type": ticket.type,
                "region": ticket.region,
                "serial": ticket.serial,
                "state": ticket.state,
                "substate": ticket.substate,
                "paused": ticket.paused_for is not None,
                "waiting_for": ticket.paused_for,
                "assignee": ticket.assignee.person,
                "opened_at": ticket.opened_at,
                "resolved_at": ticket.resolved_at,
                "closed_at": ticket.closed_at,
                "root_cause": ticket.root_cause,
                "reports": ticket.reports,
                "reassignments": ticket.reassignments,
                "pauses": ticket.pauses,
                "reopens": ticket.reopens,
                "asked": ticket.asked,
                "creator": row.creator,
                "assigner": row.assigner,
                "handler": ticket.assignee.person,
                "last_at": row.last_at,
                "last_action": row.last_action,
                "folded": Fragment(ticket_json(ticket)),
            }
        ]
    }


def _read(_: TicketId, stored: Sequence[Any]) -> TicketRow:
    folded, creator, assigner, last_at, last_action = stored
    return TicketRow(
        ticket=ticket_from_json(folded), creator=creator, assigner=assigner, last_at=last_at, last_action=last_action
    )


TICKETS = ReadModel(
    name="tickets",
    tables=(Table(name="tickets", key=("ticket_id",)),),
    project=project,
    stored=("folded", "creator", "assigner", "last_at", "last_action"),
    read=_read,
    write=write,
)
