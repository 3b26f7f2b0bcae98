"""Which tickets a client reads: those that its binding reaches, or that its source reported."""

from starlette.requests import Request as HttpRequest

from bus.domain.scope import Scope
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import Role
from bus.gateway.http.single_values import query_of
from bus.gateway.read.ticket_ids import no_such_ticket, read_ticket_id
from bus.intake.reserved_names import person_name
from bus.intake.store_port import Store


def scope_of(http: HttpRequest, client: Client) -> Scope | None:
    """Give the tickets that a client reads; an app that speaks for persons names one in `person`."""
    if client.role is not Role.ENGINEER or not client.binding.bound:
        return client.scope("")
    person = query_of(http).get("person")
    return client.scope(client.acts_as(person_name(person, "person") if person else None, "person"))


async def reached_ticket(store: Store, http: HttpRequest, client: Client) -> Ticket:
    """Read the ticket of a path as committed. Raises HttpProblem (404) if there is none, or the client has no part."""
    ticket_id = read_ticket_id(http.path_params["ticket_id"])
    ticket = await store.ticket(ticket_id)
    if ticket is None or not await reaches(store, scope_of(http, client), ticket):
        raise no_such_ticket(ticket_id)
    return ticket


async def reaches_number(store: Store, scope: Scope | None, ticket_id: str | None) -> bool:
    """Say whether a scope reaches a ticket; what belongs to no ticket is for those who reach all."""
    if scope is None:
        return True
    ticket = await store.ticket(TicketId(ticket_id)) if ticket_id else None
    return ticket is not None and await reaches(store, scope, ticket)


async def reaches(store: Store, scope: Scope | None, ticket: Ticket) -> bool:
    """Say whether a scope reaches a ticket, or has reported it."""
    if scope is None or scope.reaches(ticket, helping=True):
        return True
    reported = bool(scope.source) and await store.reported(ticket.ticket_id, scope.source)
    return reported and scope.reaches(ticket, reported=True)
