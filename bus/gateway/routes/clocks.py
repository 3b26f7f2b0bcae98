"""The route that says of a ticket's clocks which time counted, which not, and why (R7)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.calendars import Calendars
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.answers import ClocksAnswer
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.read.clock_view import clocks_view
from bus.gateway.read.reach import reached_ticket
from bus.gateway.read.ticket_view import next_step
from bus.intake.store_port import Store


def clock_routes(store: Store, calendars: Calendars, now: Callable[[], datetime]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_clocks(http: HttpRequest) -> Response:
        client = await admit(http, Access.READ)
        ticket = await reached_ticket(store, http, client)
        clocks = clocks_view(await store.events(ticket.ticket_id), calendars, now())
        return json_response(
            {"ticket_id": ticket.ticket_id, "clocks": clocks, "next_step": next_step(ticket)},
            headers={"Ticket-Trace-Id": ticket.trace_id},
        )

    path, summary = "/v1/tickets/{ticket_id}/clocks", "Which time counted towards a ticket's promises, and why"
    person = {"name": "person", "in": "query", "schema": {"type": "string"},
              "description": "for whom an app reads that speaks for persons"}  # fmt: skip
    return [reading(path, show_clocks, summary, ClocksAnswer, parameters=[person])]
