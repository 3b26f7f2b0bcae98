"""Opening a ticket by a link that is its own proof; one that opens nothing learns nothing, and is counted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest

from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.domain.wrong_tries import WrongTries
from bus.intake.store_port import Store

_NO_TICKET: Final = TicketId("T00000000-000000")  # is looked up for a wrong token, so that it takes as long


class WrongLink(Exception):
    """The link opens nothing; `wait_s`: until the next one may be tried, where there were too many."""

    def __init__(self, wait_s: int = 0) -> None:
        """Keep the time to wait."""
        super().__init__()
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class LinkTries:
    """Counts links that open nothing, of one address and of all together; a right one is never held up."""

    by_address: WrongTries = field(default_factory=WrongTries)
    by_all: WrongTries = field(default_factory=lambda: WrongTries(rate_per_s=5.0, burst_s=60.0))

    async def opened(
        self,
        http: HttpRequest,
        store: Store,
        now: datetime,
        ticket_id: TicketId | None,
        opens: Callable[[Ticket], bool],
    ) -> Ticket:
        """Give the ticket that a link names and `opens`; None: its token is none of ours.

        Raises WrongLink, StoreUnavailable.
        """
        if ticket_id is None:
            self._count(http, now)
            await store.ticket(_NO_TICKET)
            raise WrongLink
        ticket = await store.ticket(ticket_id)
        if ticket is None or not opens(ticket):
            self._count(http, now)
            raise WrongLink
        return ticket

    def _count(self, http: HttpRequest, now: datetime) -> None:
        address = http.client.host if http.client else ""
        if wait_s := self.by_address.take(address, now) or self.by_all.take("", now):
            raise WrongLink(wait_s)
