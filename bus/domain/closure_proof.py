"""What proves that an answer comes from who was asked to confirm: the link of the page, and the code of an SMS. Pure.

Both are made of the ticket, the version of the request and a key, as RFC 4226 makes its codes: nothing of them is
stored anywhere, nor stands in any event, and a request made anew makes others.
"""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from unicodedata import normalize

from bus.domain.closure_rules import PendingClosure
from bus.domain.signed_token import derived_key, named_by, signed
from bus.domain.terms import TicketId

CODE_TRIES: Final = 5
CODE_DIGITS: Final = 6
PAGE_PATH: Final = "/close/"
_PURPOSE: Final = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageClaim:
    """Which request of which ticket a link is for, and until when it holds."""

    ticket_id: TicketId
    version: int
    expires_at: datetime


def closure_key(master: bytes) -> bytes:
    """Derive the key of links and codes, so that there is no other secret to keep."""
    return derived_key(master, "closure")


def code_of(key: bytes, ticket_id: str, version: int) -> str:
    """Give the code of a request: six digits."""
    mac = hmac.digest(key, f"code|{ticket_id}|{version}".encode(), sha256)
    number = int.from_bytes(mac[:8])
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def may_be_code(typed: str) -> bool:
    """Say whether somebody typed six digits at all; blanks and wide digits do not matter."""
    plain = _plain(typed)
    return len(plain) == CODE_DIGITS and plain.isdecimal()


def is_code(key: bytes, ticket_id: str, version: int, typed: str) -> bool:
    """Say whether somebody typed the code of a request; blanks and wide digits do not matter."""
    return hmac.compare_digest(code_of(key, ticket_id, version).encode(), _plain(typed).encode())


def _plain(typed: str) -> str:
    return "".join(normalize("NFKC", typed).split())


def token_of(key: bytes, claim: PageClaim) -> str:
    """Give the token of a link; it holds for one request of one ticket, until it expires."""
    return signed(key, _PURPOSE, f"{claim.ticket_id}.{claim.version}.{int(claim.expires_at.timestamp())}")


def claim_of(key: bytes, token: str) -> PageClaim | None:
    """Read a token; None: it is none of ours. Whether it has expired is the caller's to ask."""
    named = named_by(key, _PURPOSE, token)
    if named is None:
        return None
    ticket_id, version, expires_at = named.split(".")
    at = datetime.fromtimestamp(int(expires_at), UTC)
    return PageClaim(ticket_id=TicketId(ticket_id), version=int(version), expires_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureProofs:
    """Makes links and codes of requests. `page_url`: what stands before the page's path; empty: there are no links."""

    key: bytes = field(default=b"", repr=False)
    page_url: str = ""

    def link(self, ticket_id: TicketId, pending: PendingClosure) -> str:
        """Give the link of a request; empty where there is no page, and of a request that never expires."""
        if not self.key or not self.page_url or pending.expires_at is None:
            return ""
        claim = PageClaim(ticket_id=ticket_id, version=pending.version, expires_at=pending.expires_at)
        return f"{self.page_url.rstrip('/')}{PAGE_PATH}{token_of(self.key, claim)}"

    def code(self, ticket_id: TicketId, pending: PendingClosure) -> str:
        """Give the code of a request; empty without a key."""
        return code_of(self.key, ticket_id, pending.version) if self.key else ""
