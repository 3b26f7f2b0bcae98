"""What happens from solved to closed, and back (R14, R20). Pure."""

from typing import assert_never

from bus.domain import refusals
from bus.domain.closing_commands import (
    AskClosureCode,
    ConfirmClosure,
    RejectClosure,
    Reopen,
    RequestClosure,
    Resolve,
    Tag,
)
from bus.domain.closing_events import TicketReopened, TicketResolved, TicketTagged
from bus.domain.commands import Request
from bus.domain.decide_confirming import ask_code, confirm_closure, reject_closure, request_closure
from bus.domain.events import Event
from bus.domain.knowledge import linked_articles
from bus.domain.preconditions import check_photos
from bus.domain.rules import Rules
from bus.domain.ticket import Ticket

SCENE_TAGS_MAX = 20


def decide_closing(
    request: Request,
    command: Resolve | RequestClosure | AskClosureCode | ConfirmClosure | RejectClosure | Tag | Reopen,
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
            return (request_closure(request, note, ticket, rules.closure),)
        case ConfirmClosure():
            return confirm_closure(request, command, ticket, rules.closure)
        case RejectClosure():
            return reject_closure(request, command, ticket, rules.closure)
        case AskClosureCode():
            return (ask_code(request, ticket),)
        case Tag(tags=tags):
            return _tagged(tuple(dict.fromkeys(tags)), ticket, rules)
        case Reopen(reason=reason):
            return (TicketReopened(reason=reason),)
        case _ as unknown:
            assert_never(unknown)


def _tagged(tags: tuple[str, ...], ticket: Ticket, rules: Rules) -> tuple[Event, ...]:
    """Set the tags; the same ones again are no event."""
    for one in tags:
        if one not in rules.closure.scene_tags:
            raise refusals.unknown_word("tags", one, rules.closure.scene_tags)
    if len(tags) > SCENE_TAGS_MAX:
        most = SCENE_TAGS_MAX
        raise refusals.out_of_range("tags", f"最多 {most} 个场景标签", f"at most {most} scene tags")
    return (TicketTagged(tags=tags, previous=ticket.tags),) if tags != ticket.tags else ()
