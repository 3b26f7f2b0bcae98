"""Routes of rejected input: what had no effect, why, and its bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.text import Text
from bus.gateway.auth.authorize import admit, reader_of
from bus.gateway.auth.roles import Access
from bus.gateway.http.openapi import in_path
from bus.gateway.http.request_models import NUMBER_MAX, gone, path_number
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.gateway.ports import RejectedInputService
from bus.intake.command_bodies import read_time
from bus.wire.rejected_input import ListedInput, ShownInput

LISTED_MAX: Final = 200
_GONE: Final = Text("没有这份被拒输入,或已过 90 天", "there is no such rejected input, or its 90 days are over")
_NUMBER: Final = {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX}
_QUERY: Final = [
    {"name": "source", "in": "query", "schema": {"type": "string", "minLength": 1}},
    {"name": "code", "in": "query", "schema": {"type": "string", "minLength": 1}},
    {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
]


class RejectedList(TypedDict):
    """Rejected input, what came last first, 200 at most; `more`: there is more, ask for less."""

    rejected: list[ListedInput]
    more: bool


def rejected_routes(service: RejectedInputService) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""
    handlers = _RejectedHandlers(service)
    return [
        reading("/v1/rejected", handlers.list_rejected, "List rejected input", RejectedList, parameters=_QUERY),
        reading(
            "/v1/rejected/{number}",
            handlers.show_rejected,
            "Show rejected input with its bytes",
            ShownInput,
            parameters=[in_path("number", _NUMBER)],
        ),
    ]


@dataclass(frozen=True, slots=True)
class _RejectedHandlers:
    service: RejectedInputService

    async def list_rejected(self, http: HttpRequest) -> Response:
        """List it by source, code and when it last came."""
        await admit(http, Access.LETTERS)
        query = query_of(http)
        since = read_time(query["since"], "since") if "since" in query else None
        found = await self.service.listed(
            source=query.get("source"), code=query.get("code"), since=since, most=LISTED_MAX + 1
        )
        return json_response({"rejected": found[:LISTED_MAX], "more": len(found) > LISTED_MAX})

    async def show_rejected(self, http: HttpRequest) -> Response:
        """Show one; that its bytes are read is recorded."""
        client = await admit(http, Access.LETTERS)
        number = path_number(http, "number", _GONE)
        found = await self.service.one(number, reader_of(http, client))
        if found is None:
            raise gone("number", _GONE)
        return json_response(found)
