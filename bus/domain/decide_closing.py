"""What happens from solved to closed, and back (R14, R20). Pure."""

from typing import assert_never

from bus.domain import refusals
from bus.domain.closing_commands import ConfirmClosure, RejectClosure, Reopen, RequestClosure, Resolve
from bus.domain.closing_events import (
    ClosureRejected,
    TicketReopened,
    TicketResolved,
)
from bus.domain.commands import Request
from bus.domain.decide_confirming import closure_requested, confirmed
from bus.domain.events import Event
from bus.domain.knowledge import linked_articles
from bus.domain.preconditions import check_photos
from bus.domain.rules import Rules
from bus.domain.ticket import Ticket


def closed(
    request: Request,
    command: Resolve | RequestClosure | ConfirmClosure | RejectClosure | Reopen,
    ticket: Ticket,
    rules: Rules,
) -> tuple[Event, ...]:
    """Answer what ends a ticket or takes it up again, or CommandRefused."""
    match command:
        case Resolve(photos=photos, summary=summary, root_cause=root_cause):
            if root_cause not in rules.root_causes and "root_cause" not in request.waives:
                raise refusals.unknown_word("root_cause", root_cause, sorted(rules.root_causes))
            check_photos(photos, ticket.photos, field="photos")
            linked = linked_articles(command)
            return (TicketResolved(photos=photos, summary=summary, root_cause=root_cause, knowledge=linked),)
        case RequestClosure(note=note):
            return (closure_requested(request, note, ticket, rules.closure),)
        case ConfirmClosure():
            return confirmed(request, command, ticket, rules.closure)
        case RejectClosure(rejected_by=rejected_by, reason=reason):
            return (ClosureRejected(rejected_by=rejected_by, reason=reason),)
        case Reopen(reason=reason):
            return (TicketReopened(reason=reason),)
        case _ as unknown:
            assert_never(unknown)
