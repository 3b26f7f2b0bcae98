"""The routes that change tickets: opening one, and one route for every command."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.batch_decider import Accepted, Refused
from bus.domain.commands import Command, OpenTicket, Request
from bus.domain.errors import Refusal, StoreUnavailable
from bus.domain.naming import kebab, nearest
from bus.domain.terms import TicketId
from bus.gateway.auth.authorize import admit
from bus.gateway.deps import GatewayDeps, body_of, deps_of, raw_headers, trace_of
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import accepted_response, keep
from bus.gateway.ports import Client
from bus.gateway.read.ticket_ids import read_ticket_id
from bus.gateway.write.spool_request import spooled
from bus.intake.command_bodies import COMMANDS
from bus.intake.command_requests import OPEN_PATH, command_request
from bus.intake.from_raw_request import refused_delivery
from bus.intake.outcomes import count
from schemas.messages import RequestReceived

KEPT_HEADERS = {name.encode(): name for name in ("content-type", "idempotency-key", "traceparent", "user-agent")}


async def open_ticket(http: HttpRequest) -> Response:
    """Open a ticket, or join the one that is already there; taken in on Kafka while PostgreSQL is away."""
    deps, client = deps_of(http), await admit(http, OpenTicket)
    received = _received(http, client, deps)
    try:
        return await _decided(http, OpenTicket, client, received, None)
    except StoreUnavailable:
        return await spooled(deps, received)


def commanding(cls: type[Command]) -> Callable[[HttpRequest], Awaitable[Response]]:
    """Make what runs a command on the ticket named in the path."""

    async def command_ticket(http: HttpRequest) -> Response:
        client = await admit(http, cls)
        received = _received(http, client, deps_of(http))
        return await _decided(http, cls, client, received, read_ticket_id(http.path_params["ticket_id"]))

    return command_ticket


async def no_such_command(http: HttpRequest) -> Response:
    """Say to who may open tickets that no command has the name in the path, and which is nearest."""
    await admit(http, OpenTicket)
    raise _no_such_command(http.path_params["command"])


def _received(http: HttpRequest, client: Client, deps: GatewayDeps) -> RequestReceived:
    sent = raw_headers(http.scope)
    headers = {name: sent[raw].decode("latin-1") for raw, name in KEPT_HEADERS.items() if raw in sent}
    return RequestReceived(
        delivery_id=headers.get("idempotency-key", "").strip()[:200],
        source=client.name,
        client=client.name,
        method="POST",
        path=http.scope["path"],
        headers=headers,
        body=body_of(http),
        received_at=deps.now(),
        trace_id=trace_of(http).trace_id,
    )


async def _decided(
    http: HttpRequest, cls: type[Command], client: Client, received: RequestReceived, ticket_id: TicketId | None
) -> Response:
    deps = deps_of(http)
    try:
        request = command_request(
            cls,
            client=client.name,
            path=OPEN_PATH if ticket_id is None else f"{OPEN_PATH}/{ticket_id}/{kebab(cls)}",
            headers=received.headers,
            body=received.body,
            received_at=received.received_at,
            trace_id=trace_of(http).trace_id,
            ticket_id=ticket_id,
        )
        async with deps.in_flight.claim(request.command_id, deps.store, [request.command_id]):
            return accepted_response(await _committed(deps, request))
    except Refusal as refusal:
        await _keep(deps, refusal, received, ticket_id)
        await _name_trace(deps, refusal, ticket_id)
        raise


async def _name_trace(deps: GatewayDeps, refusal: Refusal, ticket_id: TicketId | None) -> None:
    """Add the trace of the ticket that the refusal is about, when there is one."""
    with suppress(StoreUnavailable):
        ticket = await deps.store.ticket(ticket_id) if ticket_id else None
        if ticket is not None:
            refusal.context["ticket_trace_id"] = ticket.trace_id


async def _committed(deps: GatewayDeps, request: Request) -> Accepted:
    [outcome] = await deps.group.submit([request])
    count(request, outcome)
    if isinstance(outcome, Refused):
        raise outcome.error
    return outcome


async def _keep(deps: GatewayDeps, refusal: Refusal, received: RequestReceived, ticket_id: TicketId | None) -> None:
    """Keep what was refused, once per client and key; without a key there is nothing to know it by again."""
    if not received.delivery_id or refusal.code == "idempotency_key_malformed":
        return
    await keep(deps.refused, replace(refused_delivery(refusal, received), ticket_id=ticket_id, heard=True))


def _no_such_command(name: str) -> HttpProblem:
    close = nearest(name, COMMANDS)
    zh, en = (f",是否指“{close}”", f"; did you mean {close!r}") if close else ("", "")
    texts = f"没有命令 {name!r}{zh}", f"there is no command {name!r}{en}"
    return HttpProblem(404, "no_such_command", "command", texts, nearest=close)
