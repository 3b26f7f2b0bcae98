"""The link to a customer's page of a ticket: whom it lets in, and until when (R16). Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bus.domain.page_links import PageLinks
from bus.domain.signed_token import derived_key, named_by, signed
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket

LINK_PATH: Final = "/t/"
_PURPOSE: Final = "ticket"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinkRules:
    """How long after closing links end, and after which time a customer may ask again on the page.

    `key`: of the links; without it there are none.
    """

    ends_after: timedelta = timedelta(days=30)
    ask_again_after: timedelta = timedelta(hours=1)
    key: bytes = field(default=b"", repr=False)


NO_LINKS: Final = CustomerLinkRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClaim:
    """Which ticket a link is for, and which of its links: revoking raises the number."""

    ticket_id: TicketId
    number: int


def link_key(master: bytes) -> bytes:
    """Derive the key of the links."""
    return derived_key(master, "customer link")


def link_token(key: bytes, claim: LinkClaim) -> str:
    """Give the token that stands in a link."""
    return signed(key, _PURPOSE, f"{claim.ticket_id}.{claim.number}")


def link_claim(key: bytes, token: str) -> LinkClaim | None:
    """Read a token; None: it is none of ours. Whether it still opens anything says `opens`."""
    named = named_by(key, _PURPOSE, token)
    if named is None:
        return None
    ticket_id, number = named.split(".")
    return LinkClaim(ticket_id=TicketId(ticket_id), number=int(number))


def ends_at(ticket: Ticket, rules: CustomerLinkRules) -> datetime | None:
    """Say when the links of a ticket end; None: not before it is closed, and again of one that is opened anew."""
    return ticket.closed_at + rules.ends_after if ticket.closed_at else None


def opens(claim: LinkClaim, ticket: Ticket, rules: CustomerLinkRules, now: datetime) -> bool:
    """Say whether a link opens its ticket's page: neither revoked nor ended."""
    end = ends_at(ticket, rules)
    return claim.number == ticket.link_number and (end is None or now < end)


def customer_links(key: bytes, url: str) -> PageLinks:
    """Give what makes the links of customers, below an address."""
    return PageLinks(key=key, url=url, path=LINK_PATH, token=_token)


def _token(key: bytes, ticket: Ticket) -> str:
    return link_token(key, LinkClaim(ticket_id=ticket.ticket_id, number=ticket.link_number))
