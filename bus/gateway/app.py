"""The gateway's ASGI app: its routes, the middleware around them, and its background tasks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp

from bus.aio import cancel_all
from bus.domain.commands import OpenTicket
from bus.gateway.deps import GatewayDeps
from bus.gateway.http.middleware import RequestMiddleware
from bus.gateway.http.openapi import command_docs, docs_routes
from bus.gateway.http.routing import HttpRoute, StreamRoute
from bus.gateway.routes import health, reads
from bus.gateway.routes.deadletters import deadletter_routes
from bus.gateway.routes.engineer_pushes import PATH, pushes
from bus.gateway.routes.sources import webhook
from bus.gateway.routes.stream import no_stream, stream
from bus.gateway.routes.tickets import commanding, no_such_command, open_ticket
from bus.intake.command_bodies import COMMANDS

Task = Callable[[], Awaitable[None]]
log = structlog.get_logger()
_BEARER: dict[str, Any] = {"security": [{"bearer": []}]}


class Gateway(Starlette):
    """The ASGI app. The edge is the whole stack around the router: it answers every error, so nothing else need."""

    def build_middleware_stack(self) -> ASGIApp:
        deps: GatewayDeps = self.state.deps
        return RequestMiddleware(self.router, deps.body_bytes_max)


def make_app(deps: GatewayDeps, *beside: Task) -> Gateway:
    """Make the ASGI app. Group commit, the stream's tail and the tasks `beside` run for as long as the app does."""
    doors = all_routes()
    addresses = {"/v1/stream": stream, PATH: pushes, "/{any:path}": no_stream}
    streams = [StreamRoute(path=path, run=run) for path, run in addresses.items()]
    every: list[HttpRoute | StreamRoute] = [*doors, *docs_routes(doors), *streams]
    app = Gateway(
        routes=[door.route() for door in every],
        lifespan=_lifespan(deps, (deps.hub.run_for_ever, *beside)),
    )
    app.router.redirect_slashes = False
    app.state.deps = deps
    return app


def all_routes() -> Sequence[HttpRoute]:
    """List what is served over HTTP, but for the description itself. Pure."""

    def get(path: str, run: Callable[[HttpRequest], Awaitable[Response]], about: str, **more: Any) -> HttpRoute:
        return HttpRoute(method="GET", path=path, run=run, about={"summary": about, **more})

    def post(path: str, run: Callable[[HttpRequest], Awaitable[Response]], **about: Any) -> HttpRoute:
        return HttpRoute(method="POST", path=path, run=run, about=about)

    return [
        post("/v1/tickets", open_ticket, **command_docs(OpenTicket)),
        *(
            post(f"/v1/tickets/{{ticket_id}}/{name}", commanding(cls), **command_docs(cls))
            for name, cls in COMMANDS.items()
            if cls is not OpenTicket
        ),
        post("/v1/tickets/{ticket_id}/{command}", no_such_command),
        get("/v1/tickets", reads.list_tickets, "List tickets", **_BEARER),
        get("/v1/tickets/{ticket_id}", reads.show_ticket, "Show a ticket", **_BEARER),
        get("/v1/tickets/{ticket_id}/events", reads.show_events, "Show a ticket's events", **_BEARER),
        get("/v1/journeys/{any:path}", reads.show_journey, "Where is my ticket stuck?", **_BEARER),
        get("/v1/topics", reads.show_topics, "Show the topic contract", **_BEARER),
        *deadletter_routes(),
        post("/v1/sources/{source}/webhook", webhook, summary="Take a signed delivery"),
        get("/livez", health.livez, "Say that the process runs"),
        get("/readyz", health.readyz, "Say which parts are up"),
        get("/metrics", health.show_metrics, "Prometheus metrics", **_BEARER),
    ]


def _lifespan(deps: GatewayDeps, tasks: tuple[Task, ...]) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with deps.group.running():
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
