"""The outermost layer of every HTTP request: trace context, limits on the body, metrics, and no stack trace ever."""

import asyncio
import time
from dataclasses import dataclass

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus.gateway import metrics, problems
from bus.gateway.problems import HttpProblem
from bus.gateway.trace_context import context_of, parent_of, span_under

BODY_SECONDS_MAX = 30.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
log = structlog.get_logger()


class Gone(Exception):
    """The client went away before its request was complete: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Edge:
    """ASGI middleware. Reads each body whole, within `body_bytes_max`, however it is chunked."""

    app: ASGIApp
    body_bytes_max: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never raises towards the server."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        parent = parent_of(scope["headers"])
        span = span_under(_method(scope), parent)
        context = context_of(span, parent)
        scope.setdefault("state", {})["trace"] = context
        try:
            with (
                trace.use_span(span, end_on_exit=True),
                structlog.contextvars.bound_contextvars(trace_id=context.trace_id),
            ):
                try:
                    if scope["type"] == "websocket":
                        await self.app(scope, receive, send)
                    else:
                        await self._http(scope, receive, send)
                finally:
                    _name(span, scope)
        except Gone:
            return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        context = scope["state"]["trace"]
        began, status = time.perf_counter(), 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["traceparent"] = context.traceparent
            await send(message)

        try:
            body = await self._body(scope, receive)
            await self.app(scope, _replay(body, receive), send_traced)
        except HttpProblem as error:
            await problems.problem(error, context.trace_id)(scope, receive, send_traced)
        except Gone:
            raise
        except Exception as error:
            log.exception("request failed", path=_route(scope), error=type(error).__name__)
            if status == 0:
                await problems.internal(context.trace_id)(scope, receive, send_traced)
        finally:
            route = _route(scope)
            metrics.REQUESTS.labels(_method(scope), route, str(status)).inc()
            metrics.REQUEST_SECONDS.labels(route).observe(time.perf_counter() - began)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        headers = Headers(scope=scope)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            zh, en = "请求体不接受压缩,请原样发送", "send the body as it is; encoded bodies are not taken"
            raise HttpProblem(415, "content_encoding", "Content-Encoding", (zh, en), {"Accept-Encoding": "identity"})
        if (declared := headers.get("content-length", "")).isdigit() and int(declared) > self.body_bytes_max:
            raise self._too_large()
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await self._read(receive)
        except TimeoutError:
            raise HttpProblem(408, "slow_body", "", ("请求体发送过慢", "the body came too slowly")) from None

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > self.body_bytes_max:
                raise self._too_large()
            if not message.get("more_body", False):
                return bytes(body)

    def _too_large(self) -> HttpProblem:
        limit = self.body_bytes_max
        zh, en = f"请求体超过 {limit} 字节", f"the body is larger than {limit} bytes"
        return HttpProblem(413, "body_too_large", "", (zh, en), {"Connection": "close"}, limit_bytes=limit)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand the body on as one message; what follows (a disconnect) comes from the server."""
    handed = False

    async def again() -> Message:
        nonlocal handed
        if handed:
            return await receive()
        handed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _name(span: trace.Span, scope: Scope) -> None:
    """Name the span by method and route, which only routing finds out; where no route fits, by the method alone."""
    if (route := _route(scope)) != UNMATCHED:
        span.update_name(f"{_method(scope)} {route}")
        span.set_attribute("http.route", route)


def _method(scope: Scope) -> str:
    """Name the method; what callers make up counts as one."""
    method = scope.get("method", "GET")  # a WebSocket's handshake is a GET
    return method if method in METHODS else "_OTHER"


def _route(scope: Scope) -> str:
    """Name the route, not the path: paths hold ticket numbers and phones."""
    route = scope.get("route")
    return getattr(route, "path", UNMATCHED)
