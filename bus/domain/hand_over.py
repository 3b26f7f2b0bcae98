"""Since when somebody has a ticket, works on it, and it is in its state; and how often nobody claimed it. Pure."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from bus.domain.closing_events import ClosureRejected, TicketReopened
from bus.domain.events import Event, TicketReturned
from bus.domain.fast_replace import replace
from bus.domain.terms import State
from bus.domain.text import Text

if TYPE_CHECKING:
    from bus.domain.ticket import Ticket


def handed_over(before: "Ticket", ticket: "Ticket", own_at: datetime, at: datetime) -> "Ticket":
    """Note what an event changed of that: `own_at` is when it happened, `at` the same by the ticket's own time."""
    moved = ticket.assignee.person != before.assignee.person or ticket.reopens != before.reopens
    entered = ticket.state is not before.state
    offered = ticket.routing.claim_due_at is not None or ticket.routing.missed_by
    answering = _answering(before, ticket, moved=moved)
    claimed = ticket.accepted_at is not None and (ticket.missed_claims > 0 or offered)
    if not (moved or entered or claimed or answering != before.answering):
        return ticket
    since = max(own_at, before.handed_over_at or before.opened_at)
    begun = entered and ticket.state is State.IN_PROGRESS
    missed = moved and bool(before.assignee.person) and before.accepted_at is None
    return replace(
        ticket,
        handed_over_at=since if moved else ticket.handed_over_at,
        working_since=since if begun else ticket.working_since,
        state_since=at if entered else ticket.state_since,
        missed_claims=0 if ticket.accepted_at else before.missed_claims + missed,
        answering=answering,
        routing=replace(ticket.routing, claim_due_at=None, missed_by=()) if claimed else ticket.routing,
    )


def given_back(events: tuple[Event, ...], ticket: "Ticket", left: Collection[str]) -> tuple[Event, ...]:
    """Give a ticket that is taken up again back to the queue if who had it has `left` the directory meanwhile."""
    person = ticket.assignee.person
    if person not in left or not any(isinstance(one, TicketReopened | ClosureRejected) for one in events):
        return events
    reason = str(Text(f"{person} 已离岗", "has left"))
    return (*events, TicketReturned(state=State.PENDING, previous_person=person, reason=reason))


def _answering(before: "Ticket", ticket: "Ticket", *, moved: bool) -> str:
    """Say who still answers for work that was handed on in the middle, until whoever has it now accepts it."""
    if ticket.state is not State.IN_PROGRESS or not ticket.assignee.person or ticket.accepted_at is not None:
        return ""
    if moved and not before.answering:
        had_it = before.state is State.IN_PROGRESS and before.accepted_at is not None
        return before.assignee.person if had_it else ""
    return before.answering
