"""The links to a page of a ticket, the customer's or the engineer's: they differ in what a token names. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bus.domain.ticket import Ticket


def _no_token(_key: bytes, _ticket: Ticket) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLinks:
    """Makes links. `url`: what stands before the page's `path`; without it, or a key, there are none.

    `token`: gives what stands in the link of a ticket, by the key; empty: the ticket has none now.
    """

    key: bytes = field(default=b"", repr=False)
    url: str = ""
    path: str = ""
    token: Callable[[bytes, Ticket], str] = _no_token

    def link(self, ticket: Ticket) -> str:
        """Give the link of a ticket; empty where there is none."""
        token = self.token(self.key, ticket) if self.key and self.url else ""
        return f"{self.url.rstrip('/')}{self.path}{token}" if token else ""
