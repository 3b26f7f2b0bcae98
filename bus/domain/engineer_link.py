"""The link to an engineer's page of a ticket: of the ticket and of who has it, it ends with either (R18). Pure."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from bus.domain.page_links import PageLinks
from bus.domain.signed_token import derived_key, named_by, signed
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket

ENGINEER_PATH: Final = "/e/"
ENDS_AFTER: Final = timedelta(days=30)  # after closing, unless a deployment says otherwise
_PURPOSE: Final = "engineer"
_MARK_CHARS: Final = 11  # of 66 bits in base64


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerClaim:
    """Which ticket a link is for, and the mark of whose it is."""

    ticket_id: TicketId
    mark: str


def engineer_key(master: bytes) -> bytes:
    """Derive the key of the links."""
    return derived_key(master, "engineer link")


def engineer_token(key: bytes, ticket: Ticket) -> str:
    """Give the token that stands in the link of whom a ticket is assigned to; empty: it is nobody's."""
    return signed(key, _PURPOSE, f"{ticket.ticket_id}.{_mark(ticket)}") if ticket.assignee.person else ""


def engineer_claim(key: bytes, token: str) -> EngineerClaim | None:
    """Read a token; None: it is none of ours. Whether it still opens anything says `lets_in`."""
    named = named_by(key, _PURPOSE, token)
    if named is None:
        return None
    ticket_id, mark = named.split(".")
    return EngineerClaim(ticket_id=TicketId(ticket_id), mark=mark)


def lets_in(claim: EngineerClaim, ticket: Ticket, now: datetime, ends_after: timedelta = ENDS_AFTER) -> bool:
    """Say whether a link opens its ticket's page: not revoked, of whoever has the ticket, or closed it lately."""
    lately = ticket.closed_at is None or now < ticket.closed_at + ends_after
    return bool(ticket.assignee.person) and claim.mark == _mark(ticket) and lately


def _mark(ticket: Ticket) -> str:
    """Give what stands for the assignee in a link, and for how often links were revoked: it tells nobody who it is."""
    revoked = f"|{ticket.engineer_link_number}" if ticket.engineer_link_number else ""
    digest = sha256(f"{ticket.ticket_id}|{ticket.assignee.person}{revoked}".encode()).digest()
    return urlsafe_b64encode(digest).decode()[:_MARK_CHARS]


def engineer_links(key: bytes, url: str) -> PageLinks:
    """Give what makes the links of whom tickets are assigned to, below an address."""
    return PageLinks(key=key, url=url, path=ENGINEER_PATH, token=engineer_token)
