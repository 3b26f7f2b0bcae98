"""The gateway's ASGI app: the routes of its features, the middleware around them, and its background tasks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import chain

import structlog
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import compile_path
from starlette.types import ASGIApp

from bus.aio import cancel_all
from bus.gateway.deps import GatewayDeps
from bus.gateway.http.middleware import RequestMiddleware
from bus.gateway.http.openapi import docs_routes
from bus.gateway.http.routing import Feature, HttpRoute, StreamRoute
from bus.gateway.source_failures import SourceFailures
from bus.gateway.stream.websocket import no_plain_request, no_stream_but
from bus.gateway.write.group_commit import GroupCommit

Task = Callable[[], Awaitable[None]]
# What a page of another origin may send, and what it may read beside the body.
ALLOWED = ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "traceparent", "tracestate")
EXPOSED = (
    "Allow",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "Ticket-Trace-Id",
    "WWW-Authenticate",
    "traceparent",
    "tracestate",
)
log = structlog.get_logger()


class Gateway(Starlette):
    """The ASGI app. The middleware is the whole stack around the router: it answers every error."""

    def build_middleware_stack(self) -> ASGIApp:
        deps: GatewayDeps = self.state.deps
        whole: ASGIApp = RequestMiddleware(
            self.router,
            deps.body_limit or (lambda _scope: deps.body_bytes_max),
            deps.answers,
            SourceFailures(report=deps.report, now=deps.now),
            deps.arrived,
            tuple(compile_path(route.path)[0] for route in self.state.streamed),
        )
        if not deps.cors_origins:
            return whole
        # Around all of it, so that a page of another origin also reads what went wrong. A token is no cookie: a
        # browser sends none by itself.
        return CORSMiddleware(
            whole,
            allow_origins=tuple(deps.cors_origins),
            allow_methods=("GET", "POST"),
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
        )


def make_app(
    deps: GatewayDeps, features: Sequence[Feature], *, group: GroupCommit, tasks: Sequence[Task] = ()
) -> Gateway:
    """Make the ASGI app: it serves and describes the features. Group commit and tasks run for as long as it does."""
    routes = list(chain.from_iterable(features))
    docs = docs_routes([route for route in routes if isinstance(route, HttpRoute)])
    streams = [route.path for route in routes if isinstance(route, StreamRoute)]
    both = {route.path for route in routes if isinstance(route, HttpRoute)}
    besides: Feature = [
        *docs,
        *(no_plain_request(path) for path in streams if path not in both),
        no_stream_but(streams),
    ]
    app = Gateway(
        routes=[route.route() for route in (*routes, *besides)],
        lifespan=_lifespan(group, tasks),
    )
    app.router.redirect_slashes = False
    app.state.deps = deps
    app.state.streamed = [route for route in routes if isinstance(route, HttpRoute) and route.streamed]
    return app


def _lifespan(group: GroupCommit, tasks: Sequence[Task]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with group.running():
            beside = [asyncio.create_task(_watched(task)) for task in tasks]
            try:
                yield
            finally:
                await cancel_all(beside)

    return running


async def _watched(task: Task) -> None:
    """Run a task that should not end; when it fails all the same, say so and run it again."""
    while True:
        try:
            await task()
        except Exception:
            log.exception(
                "a task of the gateway failed; it starts again", task=getattr(task, "__qualname__", str(task))
            )
        await asyncio.sleep(1.0)
