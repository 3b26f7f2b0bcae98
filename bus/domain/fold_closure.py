"""How a ticket's request to confirm its closure goes on until it is answered (R20). Pure."""

from datetime import datetime
from typing import assert_never

from bus.domain.closing_events import (
    ClosureCodeAsked,
    ClosureCodeRefused,
    ClosureExpired,
    ClosureReminded,
    ClosureRequested,
)
from bus.domain.closure_rules import PendingClosure, next_at
from bus.domain.fast_replace import replace
from bus.domain.terms import State
from bus.domain.ticket import Ticket

Following = ClosureRequested | ClosureReminded | ClosureExpired | ClosureCodeRefused | ClosureCodeAsked


def fold_closure(ticket: Ticket, event: Following, at: datetime) -> Ticket:
    """Fold what happens to a request; one that expired waits no more, and may be made anew."""
    pending = ticket.closure
    match event:
        case ClosureRequested(remind_at=remind_at, expires_at=expires_at):
            made = PendingClosure(
                version=ticket.version + 1,
                remind_at=remind_at,
                expires_at=expires_at,
                next_at=next_at(remind_at, expires_at),
            )
            return replace(ticket, closure_requested=True, closure=made, closure_expired_at=None)
        case ClosureExpired(expired_at=at):
            return replace(ticket, closure_requested=False, closure=None, closure_expired_at=at)
        case ClosureReminded(number=number, remind_at=remind_at):
            due = next_at(remind_at, pending.expires_at if pending else None)
            return replace(
                ticket, closure=pending and replace(pending, reminded=number, remind_at=remind_at, next_at=due)
            )
        case ClosureCodeRefused():
            return replace(ticket, closure=pending and replace(pending, wrong_codes=pending.wrong_codes + 1))
        case ClosureCodeAsked(number=number):
            return replace(ticket, closure=pending and replace(pending, codes_asked=number, code_asked_at=at))
        case _ as unknown:
            assert_never(unknown)


def confirmed(ticket: Ticket, at: datetime) -> Ticket:
    """Close a ticket whose customer has confirmed, or was closed in an imported past without a request."""
    return replace(ticket, state=State.CLOSED, closed_at=at, closure_requested=False, closure=None, escalated_to="")
