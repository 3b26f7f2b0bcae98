"""The route that shows the work order of a ticket, step by step (R48)."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.work_template import WorkOrderTemplate
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.work_order_answers import WorkOrderAnswer
from bus.gateway.read.reach import reached_ticket
from bus.gateway.read.work_order_view import fitting, work_order_view
from bus.intake.store_port import Store


def work_order_routes(store: Store, templates: Mapping[str, WorkOrderTemplate]) -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_work_order(http: HttpRequest) -> Response:
        ticket = await reached_ticket(store, http, await admit(http, Access.READ))
        order = ticket.work_order
        events = await store.events(ticket.ticket_id, after=order.started_in - 1) if order else ()
        return json_response(
            {
                "ticket_id": ticket.ticket_id,
                "work_order": work_order_view(events),
                "templates": [] if order else fitting(templates, ticket.type),
            },
            headers={"Ticket-Trace-Id": ticket.trace_id},
        )

    path, summary = "/v1/tickets/{ticket_id}/work-order", "How far a ticket's work order has come, and who signed"
    person = {"name": "person", "in": "query", "schema": {"type": "string"},
              "description": "for whom an app reads that speaks for persons"}  # fmt: skip
    return [reading(path, show_work_order, summary, WorkOrderAnswer, parameters=[person])]
