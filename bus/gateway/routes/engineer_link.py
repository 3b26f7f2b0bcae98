"""The link to the engineer's page of a ticket, for whoever assigns tickets to give to the assignee (R18)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.commands import Assign
from bus.domain.page_links import PageLinks
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.auth.authorize import admit
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.qr_answer import KEPT_BY_NOBODY, QR_RESPONSES, qr_response
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.read.reach import reached_ticket
from bus.intake.store_port import Store

_NOBODY: Final = Text("工单还没有指派给人", "the ticket is assigned to nobody")
_NONE: Final = Text(
    "没有工程师页面:请设置 TICKETBUS_CUSTOMER_URL 和 TICKETBUS_MASTER_KEY",
    "there is no page for engineers: set TICKETBUS_CUSTOMER_URL and TICKETBUS_MASTER_KEY",
)


class EngineerLinkAnswer(TypedDict):
    """Whose link it is, and its address: whoever has it acts as the assignee on this ticket."""

    ticket_id: str
    assignee: str
    link: str


def engineer_link_routes(store: Store, links: PageLinks) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _EngineerLinkHandlers(store, links)
    path, about = "/v1/tickets/{ticket_id}", "The link to the assignee's page"
    return [
        reading(f"{path}/engineer-link", handlers.show_engineer_link, about, EngineerLinkAnswer),
        reading(f"{path}/engineer-qr", handlers.show_engineer_qr, f"{about} as a QR code", responses=QR_RESPONSES),
    ]


@dataclass(frozen=True, slots=True)
class _EngineerLinkHandlers:
    store: Store
    links: PageLinks

    async def show_engineer_link(self, http: HttpRequest) -> Response:
        """Give the link of whom the ticket is assigned to: who may assign may see it."""
        ticket, url = await self._link(http)
        answer: EngineerLinkAnswer = {"ticket_id": ticket.ticket_id, "assignee": ticket.assignee.person, "link": url}
        return json_response(answer, headers=KEPT_BY_NOBODY)

    async def show_engineer_qr(self, http: HttpRequest) -> Response:
        """Draw the link as SVG, for the assignee's phone to scan."""
        ticket, url = await self._link(http)
        return qr_response(url, title=ticket.ticket_id)

    async def _link(self, http: HttpRequest) -> tuple[Ticket, str]:
        """Give a ticket and its link. Raises HttpProblem (409) where nobody has it, or there is no page."""
        ticket = await reached_ticket(self.store, http, await admit(http, Assign))
        if not ticket.assignee.person:
            raise HttpProblem(409, "not_assigned", "assignee", _NOBODY)
        if not (url := self.links.link(ticket)):
            raise HttpProblem(409, "no_engineer_page", "TICKETBUS_CUSTOMER_URL", _NONE)
        return ticket, url
