"""A ticket as HTTP shows it: folded from its events, with the responsibility snapshot (R8). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from bus.clock import Clock, due_at
from bus.codec import event_json
from bus.events import Recorded, SlaBreached, SlaWarned, TicketAssigned
from bus.names import dotted
from bus.terms import State
from bus.ticket import Ticket, evolve

SNAPSHOT = ("creator", "assigner", "handler", "last_at", "last_action")
BUS = "ticketbus"  # the bus's own actor: its timers act for nobody


def fold(events: Sequence[Recorded]) -> Ticket | None:
    """Fold a ticket's events; None when there are none."""
    ticket: Ticket | None = None
    for recorded in events:
        ticket = evolve(ticket, recorded)
    return ticket


def ticket_view(ticket: Ticket, events: Sequence[Recorded]) -> dict[str, Any]:
    """Show a ticket as of its last event."""
    return {
        "ticket_id": ticket.ticket_id,
        "source": ticket.source,
        "source_no": ticket.source_no,
        "incident_key": ticket.incident_key,
        "title": ticket.title,
        "type": ticket.type,
        "region": ticket.region,
        "serial": ticket.serial,
        "customer": ticket.customer,
        "state": ticket.state.value,
        "state_zh": ticket.state.zh,
        "substate": ticket.substate.value if ticket.substate else None,
        "paused": ticket.paused_for is not None,
        "waiting_for": ticket.paused_for.value if ticket.paused_for else None,
        "assignee": ticket.assignee.person,
        "accepted_at": ticket.accepted_at,
        "opened_at": ticket.opened_at,
        "resolved_at": ticket.resolved_at,
        "closed_at": ticket.closed_at,
        "closure_requested": ticket.closure_requested,
        "photos": ticket.photos,
        "summary": ticket.summary,
        "root_cause": ticket.root_cause,
        "reports": ticket.reports,
        "pauses": ticket.pauses,
        "reassignments": ticket.reassignments,
        "reopens": ticket.reopens,
        "asked": ticket.asked,
        "historic": ticket.historic,
        "sla": {"first_response": _clock(ticket.response), "resolution": _clock(ticket.resolution)},
        "responsibility": responsibility(ticket, events),
        "version": ticket.version,
        "trace_id": ticket.trace_id,
    }


def responsibility(ticket: Ticket, events: Sequence[Recorded]) -> Mapping[str, Any]:
    """Take the snapshot 责任链快照: creator, assigner, handler now, last time and action of anybody but the bus."""
    assigners = [one.actor for one in events if isinstance(one.event, TicketAssigned)]
    acted = [one for one in events if one.actor != BUS and not isinstance(one.event, SlaWarned | SlaBreached)]
    last = acted[-1] if acted else events[0]
    return {
        "creator": events[0].actor,
        "assigner": assigners[-1] if assigners else "",
        "handler": ticket.assignee.person,
        "last_at": last.occurred_at,
        "last_action": dotted(type(last.event)),
    }


def with_snapshot(row: Mapping[str, Any]) -> dict[str, Any]:
    """Show a row of the read model in the shape of a ticket."""
    shown = {name: value for name, value in row.items() if name not in SNAPSHOT}
    return {
        **shown,
        "state_zh": State(row["state"]).zh,
        "responsibility": {name: row[name] for name in SNAPSHOT},
    }


def events_view(events: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Show a ticket's events in order of version."""
    return [event_json(one) for one in events]


def _clock(clock: Clock) -> dict[str, Any]:
    return {
        "limit_s": clock.limit_s,
        "running": clock.running_since is not None,
        "due_at": due_at(clock),
        "warned": clock.warned,
        "breached_at": clock.breached_at,
        "settled_at": clock.settled_at,
    }
