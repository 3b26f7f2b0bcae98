"""A command on a ticket out of the POST that brought it: read, bound to its client, decided once, kept when refused."""

from contextlib import suppress
from dataclasses import replace

from bus.domain.batch import Accepted, Refused
from bus.domain.commands import Command, Request
from bus.domain.errors import Refusal, StoreUnavailable
from bus.domain.naming import kebab
from bus.domain.terms import TicketId, TraceId
from bus.gateway.auth.binding import Client, check_opening
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.refused_request import keep_refused
from bus.gateway.write.write_side import WriteSide
from bus.intake.command_requests import OPEN_PATH, command_request
from bus.intake.outcomes import count
from bus.intake.store_port import Store
from schemas.messages import RequestReceived


def command_path(cls: type[Command], ticket_id: TicketId | None) -> str:
    """Give the path that a command is posted to. Pure."""
    return OPEN_PATH if ticket_id is None else f"{OPEN_PATH}/{ticket_id}/{kebab(cls)}"


async def decided(
    writes: WriteSide, cls: type[Command], received: RequestReceived, ticket_id: TicketId | None, client: Client
) -> Accepted:
    """Decide a command that its client may ask for, once by its key. Raises Refusal, Transient, HttpProblem (409)."""
    try:
        request = _bound(
            client,
            command_request(
                cls,
                client=received.client,
                path=command_path(cls, ticket_id),
                headers=received.headers,
                body=received.body,
                received_at=received.received_at,
                trace_id=TraceId(received.trace_id),
                ticket_id=ticket_id,
            ),
        )
        async with writes.claim(request.command_id, [request.command_id]):
            return await _committed(writes.group, request)
    except Refusal as refusal:
        about = None if refusal.code == "not_yours" else ticket_id  # whose it is not adds nothing to its journey
        await keep_refused(writes.refused, refusal, received, about)
        await _name_trace(writes.store, refusal, about, client)
        raise


def _bound(client: Client, request: Request) -> Request:
    """Let a request come from whom its client speaks for, and reach its tickets alone. Raises Refusal."""
    if not client.binding.bound:
        return request
    actor = client.acts_as(None if request.actor == client.name else request.actor)
    scope = client.scope(actor)
    check_opening(scope, request.command)
    return replace(request, actor=actor, source=client.source, scope=scope)


async def _name_trace(store: Store, refusal: Refusal, ticket_id: TicketId | None, client: Client) -> None:
    """Add the trace of the ticket that the refusal is about, when there is one that the client reaches."""
    with suppress(StoreUnavailable):
        ticket = await store.ticket(ticket_id) if ticket_id else None
        scope = client.scope(client.binding.person)
        if ticket is not None and (scope is None or scope.reaches(ticket)):
            refusal.context["ticket_trace_id"] = ticket.trace_id


async def _committed(group: GroupCommit, request: Request) -> Accepted:
    [outcome] = await group.submit([request])
    count(request, outcome)
    if isinstance(outcome, Refused):
        raise outcome.error
    return outcome
