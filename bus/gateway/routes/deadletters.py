"""Routes of dead letters, redrives and delivery queues."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, authenticate, not_allowed, reader_of
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of, deps_of
from bus.gateway.http.openapi import in_path, request_docs
from bus.gateway.http.request_models import gone, path_number, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import Handler, HttpRoute, reading
from bus.gateway.http.single_values import query_of, whole_number
from bus.gateway.ports import DeadLetterService, IdempotentRequest
from bus.gateway.routes import deadletter_answers as answers
from bus.gateway.routes.deadletter_requests import (
    CheckEdit,
    DeadLetterRequest,
    DiscardLetters,
    DiscardQueue,
    EditLetter,
    FreezeRedrive,
    ListDeadLetters,
    ListLetters,
    MoveQueue,
    PauseDelivery,
    ResumeDelivery,
    RetryLetters,
    RunRedrive,
    StopRedrive,
)
from bus.gateway.write.refused_request import keep_refused, request_received
from bus.intake.command_bodies import within_limits
from bus.intake.command_ids import command_id, fingerprint, read_key
from bus.wire.dead_letters import FrozenSet
from bus.wire.json_body import read_object
from bus.wire.rejected_input import RejectedInputStore

_REQUESTS: Final[Mapping[str, tuple[type[DeadLetterRequest], type]]] = {
    "/v1/deadletters/retry": (RetryLetters, answers.RetriedAnswer),
    "/v1/deadletters/discard": (DiscardLetters, answers.DiscardedAnswer),
    "/v1/deadletters/{letter}/edit": (EditLetter, answers.EditedAnswer),
    "/v1/deadletters/redrives": (FreezeRedrive, FrozenSet),
    "/v1/deadletters/redrives/{redrive}/run": (RunRedrive, answers.RedriveAnswer),
    "/v1/deadletters/redrives/{redrive}/stop": (StopRedrive, answers.RedriveAnswer),
    "/v1/deliveries/{target}/pause": (PauseDelivery, answers.PausedAnswer),
    "/v1/deliveries/{target}/resume": (ResumeDelivery, answers.PausedAnswer),
    "/v1/deliveries/{target}/discard": (DiscardQueue, answers.DiscardedQueueAnswer),
    "/v1/deliveries/{target}/move": (MoveQueue, answers.MovedQueueAnswer),
}
"""What each request is, and what it answers."""
_GONE: Final = {
    "letter": Text("没有这个死信", "there is no such letter"),
    "redrive": Text("没有这个重发", "there is no such redrive"),
}
_NUMBER: Final = EditLetter.model_json_schema()["properties"]["letter"]
_LETTER: Final = [in_path("letter", _NUMBER)]
_CHECK: Final = "/v1/deadletters/{letter}/check"
_OF_LIST = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ListDeadLetters.model_fields]
_OF_CAUSE: Final = [
    {"name": "cause", "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}},
    {"name": "after", "in": "query", "schema": _NUMBER, "description": "`next` of the answer before"},
]


def deadletter_routes(dead_letters: DeadLetterService, refused: RejectedInputStore) -> Sequence[HttpRoute]:
    """Make the routes: what can be read, and each request that changes something; kept if it is not allowed. Pure."""
    handlers = _DeadLetterHandlers(dead_letters, refused)
    requests = [
        HttpRoute(
            method="POST",
            path=path,
            run=handlers.requesting(cls),
            about=request_docs(cls, path),
            answers={_status(cls): answer},
        )
        for path, (cls, answer) in _REQUESTS.items()
    ]
    return [
        reading(
            "/v1/deadletters",
            handlers.list_letters,
            "List the open letters by cause",
            answers.LetterList,
            parameters=_OF_LIST,
        ),
        reading("/v1/deadletters/redrives", handlers.list_redrives, "List the redrives", answers.RedriveList),
        reading(
            "/v1/deadletters/redrives/{redrive}",
            handlers.show_redrive,
            "Show a redrive",
            answers.RedriveShown,
            parameters=[in_path("redrive", _NUMBER)],
        ),
        reading(
            "/v1/deadletters/letters",
            handlers.list_letters_of_cause,
            "List the open letters of a cause",
            answers.LettersOfCausePage,
            parameters=_OF_CAUSE,
        ),
        reading(
            "/v1/deadletters/{letter}", handlers.show_letter, "Show a letter", answers.LetterAnswer, parameters=_LETTER
        ),
        reading(
            "/v1/deliveries", handlers.list_deliveries, "List the queues towards other systems", answers.TargetList
        ),
        HttpRoute(
            method="POST",
            path=_CHECK,
            run=handlers.check_edit,
            about=request_docs(CheckEdit, _CHECK, keyed=False),
            answers={200: answers.CheckedEdit},
        ),
        *requests,
    ]


@dataclass(frozen=True, slots=True)
class _DeadLetterHandlers:
    service: DeadLetterService
    refused: RejectedInputStore

    async def list_letters(self, http: HttpRequest) -> Response:
        """List the open letters grouped by what one repair would mend, the largest group first."""
        await admit(http, Access.LETTERS)
        query = {
            name: within_limits(text, name)
            for name, text in query_of(http, tuple(ListDeadLetters.model_fields)).items()
        }
        return json_response({"groups": await self.service.groups(read(ListDeadLetters, query))})

    async def list_letters_of_cause(self, http: HttpRequest) -> Response:
        """List the open letters that one repair would mend, by number."""
        await admit(http, Access.LETTERS)
        query: dict[str, Any] = {name: within_limits(text, name) for name, text in query_of(http).items()}
        query.pop("person", None)
        if "after" in query:
            query["after"] = whole_number("after", query["after"])
        return json_response(await self.service.letters(read(ListLetters, query)))

    async def check_edit(self, http: HttpRequest) -> Response:
        """Say what an edit would change; who may edit may ask, and that it was read is recorded."""
        client = await admit(http, Access.DECIDE_LETTERS)
        asked = read(CheckEdit, read_object(body_of(http)), _path(http))
        return json_response(await self.service.check(asked, reader_of(http, client)))

    async def show_redrive(self, http: HttpRequest) -> Response:
        """Show a redrive: how far it is, what is left of it by cause, and whether two persons are asked for."""
        await admit(http, Access.LETTERS)
        redrive = await self.service.redrive(path_number(http, "redrive", _GONE["redrive"]))
        if redrive is None:
            raise gone("redrive", _GONE["redrive"])
        return json_response(redrive)

    async def show_letter(self, http: HttpRequest) -> Response:
        """Show a letter: decoded, its bytes in hex, the attempts kept, how many wait behind it, what was decided."""
        client = await admit(http, Access.LETTERS)
        letter = await self.service.letter(path_number(http, "letter", _GONE["letter"]), reader_of(http, client))
        if letter is None:
            raise gone("letter", _GONE["letter"])
        return json_response(letter)

    async def list_redrives(self, http: HttpRequest) -> Response:
        """List all redrives: who approved what, and how far each is."""
        await admit(http, Access.LETTERS)
        return json_response({"redrives": await self.service.redrives()})

    async def list_deliveries(self, http: HttpRequest) -> Response:
        """List the targets: what waits and since when, letters, breaker, pause."""
        await admit(http, Access.LETTERS)
        return json_response({"deliveries": await self.service.deliveries()})

    def requesting(self, cls: type[DeadLetterRequest]) -> Handler:
        """Make what carries a request out in the name of the client, once per idempotency key."""

        async def act(http: HttpRequest) -> Response:
            client = await authenticate(http)
            if refusal := not_allowed(client, Access.DECIDE_LETTERS):
                await keep_refused(self.refused, refusal, request_received(http, client))
                raise refusal
            key, data = read_key(http.headers), read_object(body_of(http))
            wanted = read(cls, data, _path(http))
            request = IdempotentRequest(
                by=client.acts_as(None),
                person=client.binding.person,
                at=deps_of(http).now(),
                command_id=command_id(client.name, key),
                fingerprint=fingerprint("POST", http.scope["path"], data),
            )
            response = await self.service.act(wanted, request)
            headers = {"Idempotent-Replayed": "true"} if response.repeated else {}
            return json_response(response.content, _status(cls), headers)

        return act


def _status(cls: type[DeadLetterRequest]) -> int:
    return 201 if cls is FreezeRedrive else 200


def _path(http: HttpRequest) -> dict[str, int | str]:
    given = http.path_params.items()
    return {
        name: within_limits(text, name) if name == "target" else path_number(http, name, _GONE[name])
        for name, text in given
    }
