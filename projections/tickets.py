"""The read model `tickets`: each ticket as every list shows it, with its responsibility snapshot (R8)."""

from collections.abc import Mapping, Sequence

from orjson import Fragment

from bus.domain.ticket import Ticket
from bus.wire.codec import ticket_json
from projections.read_model import Table, Written
from projections.ticket_model import FOLDED, fold, read_folded, ticket_model


def write(_: Ticket | None, ticket: Ticket) -> Mapping[str, Sequence[Written]]:
    """Give the table's record of a row."""
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
                "creator": ticket.creator,
                "assigner": ticket.assigner,
                "last_at": ticket.last_at,
                "last_action": ticket.last_action,
                "folded": Fragment(ticket_json(ticket)),
            }
        ]
    }


TICKETS = ticket_model(
    name="tickets",
    tables=(Table(name="tickets", key=("ticket_id",)),),
    project=fold,
    stored=(FOLDED,),
    read=read_folded,
    write=write,
)
