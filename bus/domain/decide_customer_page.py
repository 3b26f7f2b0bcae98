"""What happens when a customer asks how it goes, and when the links to their page are revoked (R16, R28). Pure."""

from typing import assert_never

from bus.domain import refusals
from bus.domain.commands import AskProgress, Request
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.customer_link_events import CustomerLinkRevoked
from bus.domain.events import Event, ProgressAsked
from bus.domain.rules import Rules
from bus.domain.terms import CUSTOMER_PAGE
from bus.domain.ticket import Ticket
from bus.domain.time_text import TO_THE_MINUTE, time_text


def decide_customer_page(
    request: Request, command: AskProgress | RevokeCustomerLink, ticket: Ticket, rules: Rules
) -> tuple[Event, ...]:
    """Answer what concerns the customer's page, or CommandRefused."""
    match command:
        case AskProgress(asked_by=asked_by, text=text):
            again_at = ticket.asked_at and ticket.asked_at + rules.customer_link.ask_again_after
            if request.source == CUSTOMER_PAGE and again_at and request.at < again_at:
                at = time_text(again_at, TO_THE_MINUTE)
                zh = f"我们已收到您的催办,{at.zh} 以后可以再催"
                raise refusals.already("asked", zh, f"we have your question; you can ask again after {at.en}")
            return (ProgressAsked(asked_by=asked_by, text=text),)
        case RevokeCustomerLink(reason=reason):
            return (CustomerLinkRevoked(number=ticket.link_number + 1, reason=reason),)
        case _ as unknown:
            assert_never(unknown)
