"""The gateway's app: every route, the edge around them, and the tasks that run beside them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.commands import OpenTicket
from bus.errors import BusError, Refusal, Transient
from bus.gateway import health, reads
from bus.gateway.cancellation import cancel_all
from bus.gateway.deps import GatewayDeps, trace_of
from bus.gateway.docs import add_docs, command_docs
from bus.gateway.edge import Edge
from bus.gateway.problems import HttpProblem, internal, problem
from bus.gateway.sources import webhook
from bus.gateway.stream import stream
from bus.gateway.tickets import command_ticket, open_ticket
from bus.intake.command_bodies import COMMANDS

Task = Callable[[], Awaitable[None]]
log = structlog.get_logger()
_BEARER: dict[str, Any] = {"security": [{"bearer": []}]}


def make_app(deps: GatewayDeps, *beside: Task) -> FastAPI:
    """Make the ASGI app. Group commit, the stream's tail and the tasks `beside` run for as long as the app does."""
    app = FastAPI(
        title="ticketbus",
        summary="工单事件总线 / the ticket event bus",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(deps, (deps.hub.run_for_ever, *beside)),
        redirect_slashes=False,
    )
    app.state.deps = deps
    app.add_middleware(Edge, body_bytes_max=deps.body_bytes_max)
    for kind in (HttpProblem, Refusal, Transient, BusError):
        app.add_exception_handler(kind, _bus_error)
    app.add_exception_handler(HTTPException, _not_routed)
    _add_routes(app)
    add_docs(app)
    return app


def _add_routes(app: FastAPI) -> None:
    def get(path: str, endpoint: Callable[[HttpRequest], Awaitable[Response]], about: str) -> None:
        app.add_api_route(path, endpoint, methods=["GET"], summary=about, openapi_extra=_BEARER)

    app.add_api_route("/v1/tickets", open_ticket, methods=["POST"], openapi_extra=command_docs(OpenTicket))
    for name, cls in COMMANDS.items():
        if cls is not OpenTicket:  # the route below serves them all; these describe each
            app.add_api_route(
                f"/v1/tickets/{{ticket_id}}/{name}",
                _named(name),
                methods=["POST"],
                operation_id=name,
                summary=(cls.__doc__ or "").splitlines()[0],
                openapi_extra=command_docs(cls),
            )
    app.add_api_route("/v1/tickets/{ticket_id}/{command}", command_ticket, methods=["POST"], include_in_schema=False)
    get("/v1/tickets", reads.list_tickets, "List tickets")
    get("/v1/tickets/{ticket_id}", reads.show_ticket, "Show a ticket")
    get("/v1/tickets/{ticket_id}/events", reads.show_events, "Show a ticket's events")
    get("/v1/journeys/{any:path}", reads.show_journey, "Where is my ticket stuck?")
    get("/v1/topics", reads.show_topics, "Show the topic contract")
    app.add_api_route("/v1/sources/{source}/webhook", webhook, methods=["POST"], summary="Take a signed delivery")
    app.add_api_websocket_route("/v1/stream", stream)
    app.add_api_route("/livez", health.livez, methods=["GET"])
    app.add_api_route("/readyz", health.readyz, methods=["GET"])
    get("/metrics", health.show_metrics, "Prometheus metrics")


def _named(name: str) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def run(http: HttpRequest) -> Response:
        http.scope["path_params"]["command"] = name
        return await command_ticket(http)

    return run


def _lifespan(deps: GatewayDeps, tasks: tuple[Task, ...]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
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


async def _bus_error(http: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, BusError)
    if isinstance(error, Refusal | HttpProblem | Transient):
        said = problem(error, trace_of(http).trace_id)
        code, field = getattr(error, "code", type(error).__name__), getattr(error, "field", "")
        log.info("request_refused", status=said.status_code, code=code, field=field, trace_id=trace_of(http).trace_id)
        return said
    log.error("an invariant is broken", error=str(error))
    return internal(trace_of(http).trace_id)


async def _not_routed(http: HttpRequest, error: Exception) -> Response:
    """Answer what no route takes in the one shape of problems."""
    assert isinstance(error, HTTPException)
    path = http.url.path[:200]
    if error.status_code == 404:
        zh, en = f"没有地址 {path!r},见 /docs", f"there is no {path!r}; see /docs"
        told = HttpProblem(404, "no_such_path", "path", (zh, en))
    elif error.status_code == 405:
        zh, en = f"{path!r} 不支持 {http.method}", f"{path!r} does not take {http.method}"
        told = HttpProblem(405, "method_not_allowed", "method", (zh, en), error.headers)
    else:
        told = HttpProblem(error.status_code, "http", "", (error.detail, error.detail), error.headers)
    return problem(told, trace_of(http).trace_id)
