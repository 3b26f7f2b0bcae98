"""The routes that change tickets: opening one, and one route for every command."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.batch import Accepted
from bus.domain.commands import Command, OpenTicket
from bus.domain.errors import StoreUnavailable
from bus.domain.naming import did_you_mean, nearest
from bus.domain.page_links import PageLinks
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, authenticate, not_allowed
from bus.gateway.auth.binding import Client
from bus.gateway.http.answers import CommandAnswer, SpooledAnswer
from bus.gateway.http.openapi import command_docs
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.responses import accepted_response
from bus.gateway.http.routing import Handler, HttpRoute
from bus.gateway.http.single_values import flag_of, query_of
from bus.gateway.read.ticket_ids import read_ticket_id
from bus.gateway.write.refused_request import keep_refused, request_received
from bus.gateway.write.spool_request import spooled
from bus.gateway.write.ticket_command import decided
from bus.gateway.write.write_side import WriteSide
from bus.intake.command_bodies import COMMANDS
from schemas.messages import RequestReceived

_WITH_LINK: Final = {
    "name": "link",
    "in": "query",
    "schema": {"enum": ["true", "false"], "default": "false"},
    "description": "true: the answer has the link to the customer's page, as `customer_link`",
}


def ticket_routes(writes: WriteSide, links: PageLinks) -> Sequence[HttpRoute]:
    """Make the routes: of opening, of each command, and of names that are none. Pure."""
    handlers = _TicketHandlers(writes, links)
    commands = [
        _posting(f"/v1/tickets/{{ticket_id}}/{name}", handlers.commanding(cls), cls)
        for name, cls in COMMANDS.items()
        if cls is not OpenTicket
    ]
    return [
        _opening("/v1/tickets", handlers.open_ticket),
        *commands,
        HttpRoute(method="POST", path="/v1/tickets/{ticket_id}/{command}", run=_no_command, stray=True),
    ]


def _posting(path: str, run: Handler, cls: type[Command]) -> HttpRoute:
    return HttpRoute(method="POST", path=path, run=run, about=command_docs(cls), answers={200: CommandAnswer})


def _opening(path: str, run: Handler) -> HttpRoute:
    about = command_docs(OpenTicket)
    about = {**about, "parameters": [*about["parameters"], _WITH_LINK]}
    answers = {200: CommandAnswer, 201: CommandAnswer, 202: SpooledAnswer}
    return HttpRoute(method="POST", path=path, run=run, about=about, answers=answers, query=("link",))


@dataclass(frozen=True, slots=True)
class _TicketHandlers:
    writes: WriteSide
    links: PageLinks

    async def open_ticket(self, http: HttpRequest) -> Response:
        """Open a ticket, or join the one that is already there; taken in on Kafka while PostgreSQL is away."""
        wants_link = flag_of(query_of(http, ("link",)), "link")
        client, received = await self._admitted(http, OpenTicket)
        try:
            accepted = await decided(self.writes, OpenTicket, received, None, client)
            return accepted_response(accepted, await self._link(accepted, client) if wants_link else None)
        except StoreUnavailable:
            return await spooled(self.writes.spool, received)

    def commanding(self, cls: type[Command]) -> Handler:
        """Make what runs a command on the ticket named in the path."""

        async def command_ticket(http: HttpRequest) -> Response:
            client, received = await self._admitted(http, cls)
            ticket_id = read_ticket_id(http.path_params["ticket_id"])
            return accepted_response(await decided(self.writes, cls, received, ticket_id, client))

        return command_ticket

    async def _admitted(self, http: HttpRequest, cls: type[Command]) -> tuple[Client, RequestReceived]:
        """Give the client of a command that its role allows, and its request; what it does not allow is kept."""
        client = await authenticate(http)
        received = request_received(http, client)
        if refusal := not_allowed(client, cls):
            await keep_refused(self.writes.refused, refusal, received)
            raise refusal
        return client, received

    async def _link(self, accepted: Accepted, client: Client) -> str:
        """Give the link for the customer; empty for a report that joined another's ticket, or where it is not known."""
        scope = client.scope(client.binding.person)
        with suppress(StoreUnavailable):  # the opening is committed
            ticket = await self.writes.store.ticket(accepted.ticket_id)
            if ticket is not None and (scope is None or scope.reaches(ticket)):
                return self.links.link(ticket)
        return ""


async def _no_command(http: HttpRequest) -> Response:
    """Say to who may open tickets that no command has the name in the path, and which is nearest."""
    await admit(http, OpenTicket)
    raise _no_such_command(http.path_params["command"])


def _no_such_command(name: str) -> HttpProblem:
    close = nearest(name, COMMANDS)
    meant = did_you_mean(close, quoted=True)
    text = Text(f"没有命令 {name!r}{meant.zh}", f"there is no command {name!r}{meant.en}")
    return HttpProblem(404, "no_such_command", "command", text, nearest=close)
