"""Requests that a person decides on: who may, what is kept of a refused one, and its route."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.gateway.auth.authorize import authenticate, not_allowed
from bus.gateway.auth.roles import Access
from bus.gateway.deps import body_of
from bus.gateway.http.openapi import request_docs
from bus.gateway.http.request_models import RequestModel, read
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute
from bus.gateway.write.refused_request import keep_refused, request_received
from bus.wire.json_body import read_object
from bus.wire.rejected_input import RejectedInputStore

Asked = TypeVar("Asked", bound=RequestModel)


@dataclass(frozen=True, slots=True)
class DecidedRequests:
    """Makes routes of one access; what is not allowed is kept as refused input."""

    refused: RejectedInputStore
    access: Access

    def route(
        self, path: str, cls: type[Asked], act: Callable[[Asked, str], Awaitable[object]], answer: Any
    ) -> HttpRoute:
        """Make the route; `act` is given what was asked, and by whom, and gives the answer."""

        async def run(http: HttpRequest) -> Response:
            client = await authenticate(http)
            if refusal := not_allowed(client, self.access):
                await keep_refused(self.refused, refusal, request_received(http, client))
                raise refusal
            wanted = read(cls, read_object(body_of(http)), dict(http.path_params))
            return json_response(await act(wanted, client.acts_as(None)))

        about = request_docs(cls, path, self.access, keyed=False)
        return HttpRoute(method="POST", path=path, run=run, about=about, answers={200: answer})
