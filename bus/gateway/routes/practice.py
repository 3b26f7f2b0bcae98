"""The routes to practise on a virtual ticket 虚拟工单 (R47): open one, take its next step or have the bus play it.

A step is the real command, decided as any is; what is refused is answered, and kept nowhere. Whoever opened a virtual
ticket practises on it, in each role.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.batch import Accepted, Refused
from bus.domain.commands import Command, Request
from bus.domain.practice import PRACTICE_PREFIX
from bus.domain.practice_steps import STEPS, PracticeRole, PracticeStep, person_of, played, steps_left
from bus.domain.terms import SANDBOX, CommandId, TraceId, is_synthetic
from bus.domain.text import Text
from bus.domain.ticket import Ticket
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.binding import Client
from bus.gateway.auth.roles import GRANTS, Access
from bus.gateway.deps import body_of, deps_of
from bus.gateway.http.answers import CommandAnswer
from bus.gateway.http.openapi import command_docs, request_docs
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.request_models import RequestModel, read
from bus.gateway.http.responses import accepted_response, json_response
from bus.gateway.http.routing import Handler, HttpRoute, reading
from bus.gateway.read.practice_view import (
    PracticeAnswer,
    PracticeList,
    PracticeSources,
    open_practices_view,
    practice_view,
)
from bus.gateway.read.reach import reaches, scope_of
from bus.gateway.read.ticket_ids import no_such_ticket, read_ticket_id
from bus.gateway.write.refused_request import request_received
from bus.gateway.write.request_coalescing import taken
from bus.gateway.write.write_side import WriteSide
from bus.intake.command_ids import command_id, fingerprint, read_key
from bus.intake.command_requests import command_request
from bus.intake.sandbox import Practice, ending, practice_opening
from bus.wire.json_body import read_object

_ROLES: Final = ", ".join(role.value for role, grant in GRANTS.items() if Access.PRACTISE in grant.accesses)
_OVER: Final = Text("该虚拟工单已关闭,请重新开一张", "the virtual ticket is closed: open another one")


class BeginPractice(RequestModel):
    """Open a virtual ticket to practise on."""


class PlayStep(RequestModel):
    """Have the bus play the next step, with made-up deliverables; `role` is the one that is practised.

    `step`: the command that is meant, of whoever looks at a page that may be old; empty: whichever is next.
    """

    ticket_id: str
    role: Literal["dispatcher", "engineer", "lead", "customer"]
    step: str = ""


class EndPractice(RequestModel):
    """Close a virtual ticket by the steps that are left."""

    ticket_id: str


def practice_routes(writes: WriteSide, sources: PracticeSources) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _PracticeHandlers(writes, sources)
    path = "/v1/practice/{ticket_id}"
    return [
        _posting("/v1/practice", BeginPractice, handlers.begin, 201),
        reading("/v1/practice", handlers.list_practices, "One's own practices that are not over", PracticeList),
        reading(path, handlers.show_practice, "How far a practice has come, and who would have heard", PracticeAnswer),
        _posting(f"{path}/play", PlayStep, handlers.play, 200),
        _posting(f"{path}/end", EndPractice, handlers.end, 200),
        *(_step_route(f"{path}/{one.name}", one.command, handlers.taking(one.command)) for one in STEPS),
    ]


def _posting(path: str, cls: type[RequestModel], run: Handler, status: int) -> HttpRoute:
    about = request_docs(cls, path, Access.PRACTISE)
    return HttpRoute(method="POST", path=path, run=run, about=about, answers={status: CommandAnswer})


def _step_route(path: str, cls: type[Command], run: Handler) -> HttpRoute:
    command = command_docs(cls)
    about = {
        **command,
        "operationId": f"practise-{command['operationId']}",
        "description": f"{command['operationId']}, on a virtual ticket that the client opened. Roles: {_ROLES}.",
    }
    return HttpRoute(method="POST", path=path, run=run, about=about, answers={200: CommandAnswer})


@dataclass(frozen=True, slots=True)
class _PracticeHandlers:
    writes: WriteSide
    sources: PracticeSources

    async def begin(self, http: HttpRequest) -> Response:
        """Open one, once by its key; a client that is bound to regions gets it in its first."""
        client = await admit(http, Access.PRACTISE)
        received = request_received(http, client)
        own = command_id(client.name, read_key(received.headers))
        read(BeginPractice, read_object(body_of(http)))
        region = next(iter(client.binding.regions), "")
        practice = Practice(person=client.acts_as(None), region=region, number=f"{PRACTICE_PREFIX}{own.hex[:12]}")
        opening = practice_opening(practice, self.sources.rules, received.received_at)
        return accepted_response(await self._decided(replace(opening, trace_id=TraceId(received.trace_id))))

    async def list_practices(self, http: HttpRequest) -> Response:
        """List those that the client opened, the newest first."""
        client = await admit(http, Access.PRACTISE)
        return json_response(open_practices_view(await self.sources.open_of(client.acts_as(None))))

    async def show_practice(self, http: HttpRequest) -> Response:
        """Show each step and each event, with the topics and targets that a real ticket's would have gone to."""
        client = await admit(http, Access.PRACTISE)
        ticket = await self._own(http, client)
        events = await self.writes.store.events(ticket.ticket_id)
        readable = await reaches(self.writes.store, scope_of(http, client), ticket)
        return json_response(practice_view(ticket, events, self.sources, readable=readable))

    async def play(self, http: HttpRequest) -> Response:
        """Play the next step; the role's own as well, to show how it is done."""
        client = await admit(http, Access.PRACTISE)
        number = (await self._own(http, client)).ticket_id
        asked = read(PlayStep, read_object(body_of(http)), dict(http.path_params))
        own, role = command_id(client.name, read_key(http.headers)), PracticeRole(asked.role)
        async with self.writes.claim((PlayStep, number), [own], "ticket_id"):  # who plays at once would play twice
            ticket = await self._own(http, client)
            step = await self._step_to_play(ticket, asked.step, own)
            actor = person_of(step.role, ticket.creator, role)
            command = played(step, ticket.creator, self.sources.rules, role)
            return accepted_response(await self._decided(_request(http, client, ticket, command, actor)))

    async def _step_to_play(self, ticket: Ticket, meant: str, own: CommandId) -> PracticeStep:
        """Give the next step, if it is the one that is meant. Raises HttpProblem (409)."""
        if await taken(self.writes.store, [own]):
            return STEPS[0]  # whichever: a repeat gets the first one's answer
        left = steps_left(ticket)
        if not left:
            raise _over()
        if meant not in ("", left[0].name):
            zh, en = f"这一步已办过;现在是“{left[0].rule.action.zh}”", f"that step is done; the next is {left[0].name}"
            raise HttpProblem(409, "step_done", "step", Text(zh, en))
        return left[0]

    async def end(self, http: HttpRequest) -> Response:
        """Close it."""
        client = await admit(http, Access.PRACTISE)
        ticket = await self._own(http, client)
        read(EndPractice, read_object(body_of(http)), dict(http.path_params))
        requests = ending(ticket, ticket.creator, self.sources.rules, deps_of(http).now())
        if not requests:
            raise _over()
        return accepted_response([await self._decided(one) for one in requests][-1])

    def taking(self, cls: type[Command]) -> Handler:
        """Make what takes a step with the client's own words."""

        async def take_step(http: HttpRequest) -> Response:
            client = await admit(http, Access.PRACTISE)
            ticket = await self._own(http, client)
            received = request_received(http, client)
            request = command_request(
                cls,
                client=received.client,
                path=received.path,
                headers=received.headers,
                body=received.body,
                received_at=received.received_at,
                trace_id=TraceId(received.trace_id),
                ticket_id=ticket.ticket_id,
                source=SANDBOX,
            )
            return accepted_response(await self._decided(replace(request, actor=ticket.creator)))

        return take_step

    async def _own(self, http: HttpRequest, client: Client) -> Ticket:
        """Give the virtual ticket of the path if the client opened it. Raises HttpProblem (404)."""
        ticket_id = read_ticket_id(http.path_params["ticket_id"])
        ticket = await self.writes.store.ticket(ticket_id) if is_synthetic(ticket_id) else None
        if ticket is None or ticket.source != SANDBOX or ticket.creator != client.acts_as(None):
            raise no_such_ticket(ticket_id)
        return ticket

    async def _decided(self, request: Request) -> Accepted:
        """Decide a request once. Raises CommandRefused, Transient, HttpProblem (409)."""
        async with self.writes.claim(request.command_id, [request.command_id]):
            [outcome] = await self.writes.group.submit([request])
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome


def _over() -> HttpProblem:
    return HttpProblem(409, "practice_over", "ticket_id", _OVER)


def _request(http: HttpRequest, client: Client, ticket: Ticket, command: Command, actor: str) -> Request:
    """Make the request of a step that the bus plays: the same key is the same step."""
    received = request_received(http, client)
    return Request(
        command_id=command_id(client.name, read_key(received.headers)),
        command=command,
        source=SANDBOX,
        actor=actor,
        at=received.received_at,
        received_at=received.received_at,
        trace_id=TraceId(received.trace_id),
        fingerprint=fingerprint("POST", received.path, read_object(received.body)),
        ticket_id=ticket.ticket_id,
    )
