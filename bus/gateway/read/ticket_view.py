"""A ticket as HTTP shows it, from its fold, with the responsibility snapshot (R8). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from bus.domain.events import Recorded
from bus.domain.sla_clock import due_at
from bus.domain.terms import ClockName, State
from bus.domain.ticket import Ticket, clock_of, runs
from bus.domain.ticket_steps import owed_step
from bus.domain.waits import runs_on_at
from bus.gateway.http.answers import NextStep, PromiseClock, TicketAnswer
from bus.wire.codec import event_json

SNAPSHOT = ("creator", "assigner", "handler", "last_at", "last_action")


def ticket_view(ticket: Ticket) -> TicketAnswer:
    """Show a ticket as of its last event."""
    return {
        "ticket_id": ticket.ticket_id,
        "source": ticket.source,
        "source_no": ticket.source_no,
        "incident_key": ticket.incident_key,
        "title": ticket.title,
        "type": ticket.type,
        "region": ticket.region,
        "priority": ticket.priority,
        "serial": ticket.serial,
        "customer": ticket.customer,
        "product": ticket.product,
        "batch": ticket.batch,
        "customer_ref": ticket.customer_ref,
        "state": ticket.state,
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
        "tags": ticket.tags,
        "root_cause": ticket.root_cause,
        "reports": ticket.reports,
        "pauses": ticket.pauses,
        "reassignments": ticket.reassignments,
        "reopens": ticket.reopens,
        "asked": ticket.asked,
        "historic": ticket.historic,
        "sla": {
            "first_response": _clock(ticket, ClockName.FIRST_RESPONSE),
            "resolution": _clock(ticket, ClockName.RESOLUTION),
        },
        "next_step": next_step(ticket),
        "responsibility": {
            "creator": ticket.creator,
            "assigner": ticket.assigner,
            "handler": ticket.assignee.person,
            "last_at": ticket.last_at,
            "last_action": ticket.last_action,
        },
        "version": ticket.version,
        "trace_id": ticket.trace_id,
    }


def next_step(ticket: Ticket) -> NextStep | None:
    """Show the step that is next, and when it is due; None for a closed ticket."""
    owed = owed_step(ticket)
    if owed is None:
        return None
    return {"step": owed.step, "step_zh": owed.step.zh, "due_at": owed.due_at, "overdue": owed.overdue}


def with_snapshot(row: Mapping[str, Any]) -> dict[str, Any]:
    """Show a row of the read model in the shape of a ticket."""
    shown = {name: value for name, value in row.items() if name not in SNAPSHOT}
    return {
        **shown,
        "state_zh": State(row["state"]).zh,
        "responsibility": {name: row["assignee" if name == "handler" else name] for name in SNAPSHOT},
    }


def events_view(events: Sequence[Recorded]) -> list[dict[str, Any]]:
    """Show a ticket's events in order of version."""
    return [event_json(one) for one in events]


def _clock(ticket: Ticket, name: ClockName) -> PromiseClock:
    clock = clock_of(ticket, name)
    return {
        "limit_s": clock.limit_s,
        "calendar": clock.calendar.version if clock.calendar else None,
        "running": runs(ticket, name),
        "stands_until": runs_on_at(ticket) if name is ClockName.RESOLUTION else None,
        "due_at": due_at(clock),
        "warned": clock.warned,
        "breached_at": clock.breached_at,
        "settled_at": clock.settled_at,
    }
