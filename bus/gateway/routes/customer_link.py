"""The routes that give the link to a customer's page of a ticket, as text and as a QR code (R16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.customer_link import CustomerLinkRules, ends_at
from bus.domain.page_links import PageLinks
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.qr_answer import KEPT_BY_NOBODY, QR_RESPONSES, qr_response
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.read.reach import reached_ticket, scope_of
from bus.gateway.read.ticket_ids import no_such_ticket
from bus.intake.store_port import Store

_NONE: Final = Text(
    "没有客户页面:请设置 TICKETBUS_CUSTOMER_URL 和 TICKETBUS_MASTER_KEY",
    "there is no page for customers: set TICKETBUS_CUSTOMER_URL and TICKETBUS_MASTER_KEY",
)


class CustomerLinkAnswer(TypedDict):
    """The link to the customer's page of a ticket. `ends_at`: when it opens nothing any more; null: not while open.

    `number`: how often its links were revoked. Whoever has the link sees the page; whether a closure is confirmed by
    it alone is a setting.
    """

    ticket_id: str
    link: str
    number: int
    ends_at: datetime | None


def customer_link_routes(links: PageLinks, rules: CustomerLinkRules, store: Store) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _LinkHandlers(links, rules, store)
    path = "/v1/tickets/{ticket_id}"
    return [
        reading(f"{path}/link", handlers.show_link, "The link to the customer's page", CustomerLinkAnswer),
        reading(f"{path}/qr", handlers.show_qr, "The link to the customer's page as a QR code", responses=QR_RESPONSES),
    ]


@dataclass(frozen=True, slots=True)
class _LinkHandlers:
    links: PageLinks
    rules: CustomerLinkRules
    store: Store

    async def show_link(self, http: HttpRequest) -> Response:
        """Give the link for the customer, and for nobody else: who works on a ticket does not confirm it."""
        ticket, link = await self._link(http)
        end = ends_at(ticket, self.rules)
        answer = {"ticket_id": ticket.ticket_id, "link": link, "number": ticket.link_number, "ends_at": end}
        return json_response(answer, headers=KEPT_BY_NOBODY)

    async def show_qr(self, http: HttpRequest) -> Response:
        """Draw the link as SVG, for a page or a label."""
        ticket, link = await self._link(http)
        return qr_response(link, title=ticket.ticket_id)

    async def _link(self, http: HttpRequest) -> tuple[Ticket, str]:
        """Give a ticket that the client reaches by itself, not by a report of its own that joined it, and its link."""
        client = await admit(http, Access.CUSTOMER_LINK)
        ticket, scope = await reached_ticket(self.store, http, client), scope_of(http, client)
        if scope is not None and not scope.reaches(ticket):
            raise no_such_ticket(ticket.ticket_id)
        if not (link := self.links.link(ticket)):
            raise HttpProblem(409, "no_customer_page", "TICKETBUS_CUSTOMER_URL", _NONE)
        return ticket, link
