"""Routes as plain data: method, path, handler and OpenAPI operation."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from bus.gateway.http.single_values import PERSON, query_of

_SECRET_PATH = re.compile(r"(/v1/sources/[^/]+/webhook|/close|/t|/e)/.*", re.DOTALL)
Handler = Callable[[HttpRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRoute:
    """One method of one path; `about` is its OpenAPI operation, without it the route is not described.

    `answers` gives by status what it answers in JSON, `other_types` the media types that a 200 may have in place of
    it. `stray`: it is there to say that a name in the path is none.
    `query`: the names of its query parameters; others, repeated and empty ones are refused, except where it is `stray`
    or None: what a machine's configured address has in its query is then nobody's.
    `streamed`: it reads its body part by part, by `body_stream_of`.
    """

    method: str
    path: str
    run: Handler
    about: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[int, Any] = field(default_factory=dict)
    other_types: Sequence[str] = ()
    query: Sequence[str] | None = ()
    stray: bool = False
    streamed: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what goes wrong is the middleware's to answer."""
        http = HttpRequest(scope, receive, send)
        if not self.stray and self.query is not None:
            query_of(http, self.query)
        response = await self.run(http)
        await response(scope, receive, send)

    def route(self) -> Route:
        """Give the route that leads here."""
        return Route(self.path, self, methods=[self.method], name=self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRoute:
    """A path for WebSockets."""

    path: str
    run: Callable[[WebSocket], Awaitable[None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection to its end."""
        await self.run(WebSocket(scope, receive, send))

    def route(self) -> WebSocketRoute:
        """Give the route that leads here."""
        return WebSocketRoute(self.path, self, name=self.path)


Feature = Sequence[HttpRoute | StreamRoute]
"""The routes of one feature; of two that fit a request the first serves it."""


def reading(path: str, run: Handler, summary: str, answer: Any = None, **about: Any) -> HttpRoute:
    """Make a GET route that takes a bearer token and answers in JSON; `about` is what else its operation has. Pure.

    Its query parameters are those of `about`, and for whom an app asks.
    """
    named = [one["name"] for one in about.get("parameters", ()) if one["in"] == "query"]
    return HttpRoute(
        method="GET",
        path=path,
        run=run,
        about={"summary": summary, "security": [{"bearer": []}], **about},
        answers={200: answer} if answer else {},
        query=tuple(dict.fromkeys((*named, *PERSON))),
    )


def without_secret(path: str) -> str:
    """Give a path for logs, without the secret of a source that can sign nothing, and without the token of a link."""
    return _SECRET_PATH.sub(r"\1/…", path)
