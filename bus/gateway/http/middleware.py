"""What surrounds every request: trace context, limits on the body, metrics, and an answer to every error."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from opentelemetry import trace
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from bus.domain.text import Text
from bus.gateway import metrics
from bus.gateway.deps import raw_headers
from bus.gateway.http.answer_budget import Answer, AnswerBudget
from bus.gateway.http.body_limit import BodyLimit
from bus.gateway.http.body_stream import DRAINED_BYTES_MAX, BodyStream, ClientGone
from bus.gateway.http.error_handler import failed
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.routing import HttpRoute, without_secret
from bus.gateway.http.single_values import refuse_repeated_headers
from bus.gateway.http.trace_context import context_of, span_under
from bus.gateway.source_failures import SourceFailures, may_open
from bus.observability import spans
from bus.observability.exemplars import exemplar_of
from bus.wire.json_body import WHOLE
from bus.wire.trace_context import TraceContext, parent_of

BODY_SECONDS_MAX = 30.0
COUNTED_BYTES_MIN = 16 * 1024  # of an answer: less is in the kernel at once
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class RequestMiddleware:
    """ASGI middleware. Reads each body whole, within its `limit` in bytes, however it is chunked.

    A POST to one of the paths `streamed` reads its own.
    """

    app: ASGIApp
    limit: BodyLimit
    answers: AnswerBudget
    failures: SourceFailures
    arrived: Callable[[str], None]
    streamed: Sequence[re.Pattern[str]] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; never raises towards the server."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        parent = parent_of(scope["headers"])
        span = span_under(_method(scope), parent)
        context = context_of(span, parent)
        scope.setdefault("state", {})["trace"] = context
        bound = bind_contextvars(trace_id=context.trace_id)
        try:
            if span.is_recording():
                await self._spanned(span, scope, receive, send)
            else:
                await self._serve(scope, receive, send)
        except ClientGone:
            return
        finally:
            reset_contextvars(**bound)

    async def _spanned(self, span: trace.Span, scope: Scope, receive: Receive, send: Send) -> None:
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            try:
                await self._serve(scope, receive, send)
            finally:
                _describe(span, scope)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: TraceContext = scope["state"]["trace"]
        answer = scope["state"]["answer"] = Answer(self.answers)
        began, status = time.perf_counter(), 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                answer.made()
                status = message["status"]
                took_s = time.perf_counter() - began
                metrics.REQUEST_SECONDS.labels(_route(scope)).observe(took_s, exemplar_of(context.traceparent))
                added = [(b"traceparent", context.traceparent.encode())]
                if context.tracestate:
                    added.append((b"tracestate", context.tracestate.encode()))
                if "body" not in scope["state"]:
                    added.append((b"connection", b"close"))  # the rest of the body would be taken for a request
                await send({**message, "headers": [*message["headers"], *added]})
            else:
                await _send_body(answer, message, send)

        stream = BodyStream(scope, receive)
        try:
            refuse_repeated_headers(scope)
            if scope["method"] == "POST" and any(path.match(scope["path"]) for path in self.streamed):
                scope["state"]["stream"] = stream
            else:
                scope["state"]["body"] = await self._body(stream, self.limit(scope))
            _refuse_encoded(scope)
            await self.app(scope, receive, send_traced)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is answered and the log is told
            about = {"method": scope["method"], "path": without_secret(scope["path"]), "route": _route(scope)}
            response = failed(error, **about, allowed=partial(_allowed, scope), trace_id=context.trace_id)
            if status == 0:
                if "stream" in scope["state"]:
                    await stream.drain()
                too_slow = response.status_code == 408  # it had its time
                await response(
                    scope, receive, send_traced if too_slow else partial(_send_and_drop, stream, send_traced)
                )
        finally:
            answer.end()
            scope["state"]["status"] = status
            metrics.REQUESTS.labels(_method(scope), _route(scope), str(status)).inc()
            if status >= 500:
                self.failures.note(scope, _route(scope), status, context.trace_id)
            elif 200 <= status < 300 and may_open(scope, _route(scope)) and (source := scope["state"].get("source")):
                self.arrived(source)

    async def _body(self, stream: BodyStream, bytes_max: int) -> bytes:
        if (stream.declared or 0) > DRAINED_BYTES_MAX:
            raise _too_large(bytes_max)
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await _read(stream, bytes_max)
        except TimeoutError:
            raise HttpProblem(408, "slow_body", WHOLE, Text("请求体发送过慢", "the body came too slowly")) from None


async def _read(stream: BodyStream, bytes_max: int) -> bytes:
    body = bytearray()
    while not stream.ended():
        part = await stream.next()
        if stream.size <= bytes_max:
            body += part
        elif stream.ended() or stream.size > DRAINED_BYTES_MAX:
            raise _too_large(bytes_max)
    return bytes(body)


def _too_large(bytes_max: int) -> HttpProblem:
    zh, en = f"请求体超过 {bytes_max} 字节", f"the body is larger than {bytes_max} bytes"
    return HttpProblem(413, "body_too_large", WHOLE, Text(zh, en), limit_bytes=bytes_max)


async def _send_body(answer: Answer, message: Message, send: Send) -> None:
    """Send a part of a body, and come back when the kernel has it: a server waits with what follows until then."""
    body = message.get("body", b"")
    if len(body) < COUNTED_BYTES_MIN:
        await send(message)
        return
    nothing: Message = {"type": "http.response.body", "body": b""}
    with answer.sending(len(body)):
        await send({**message, "more_body": True})
        await send({**nothing, "more_body": message.get("more_body", False)})


async def _send_and_drop(stream: BodyStream, send: Send, message: Message) -> None:
    """Send an answer; before it ends, and the connection with it, drop what is still to come of the request's body."""
    if stream.ended() or message["type"] != "http.response.body" or message.get("more_body", False):
        await send(message)
        return
    await send({**message, "more_body": True})
    await stream.drop_after_answer()
    await send({"type": "http.response.body", "body": b""})


def _refuse_encoded(scope: Scope) -> None:
    if raw_headers(scope).get(b"content-encoding", b"identity").strip().lower() != b"identity":
        zh, en = "请求体不接受压缩,请原样发送", "send the body as it is; encoded bodies are not taken"
        raise HttpProblem(415, "content_encoding", "Content-Encoding", Text(zh, en), {"Accept-Encoding": "identity"})


def _allowed(scope: Scope) -> set[str]:
    """Give the methods that the routes of a path take; a route for names that are none does not count."""
    methods = set[str]()
    for route in scope["app"].router.routes if "app" in scope else ():
        endpoint = getattr(route, "endpoint", None)
        if isinstance(endpoint, HttpRoute) and not endpoint.stray and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods
    return methods


def _describe(span: trace.Span, scope: Scope) -> None:
    """Name the span by method and route, which only routing finds out; where no route fits, by the method alone.

    Its attributes are those of OpenTelemetry's HTTP servers: a status from 500 on is an error, others are the caller's.
    """
    span.set_attribute("http.request.method", _method(scope))
    if status := scope["state"].get("status", 0):
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            spans.failed(span, str(status))
    if (route := _route(scope)) != UNMATCHED:
        span.update_name(f"{_method(scope)} {route}")
        span.set_attribute("http.route", route)


def _method(scope: Scope) -> str:
    """Name the method; what callers make up counts as one."""
    method = scope.get("method", "GET")  # a WebSocket's handshake is a GET
    return method if method in METHODS else "_OTHER"


def _route(scope: Scope) -> str:
    """Name the route, not the path: paths hold ticket numbers and phones."""
    path: str = getattr(scope.get("endpoint"), "path", UNMATCHED)
    return path
