"""What every route of the gateway needs, handed in by the composition root, and what the middleware found out."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.types import Scope

from bus.alerts.alert import AlertSink
from bus.alerts.log_sink import log_alert
from bus.gateway.auth.quota import Quota
from bus.gateway.http.answer_budget import Answer, AnswerBudget
from bus.gateway.http.body_limit import BodyLimit
from bus.gateway.ports import Clients
from bus.intake.dispatch import utc_now
from bus.wire.trace_context import TraceContext


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDeps:
    """Clients, quota, limits of bodies and answers, the clock; what one feature alone needs is given to its routes.

    `body_limit`: what a request's body may have, where that is not `body_bytes_max` for all. `arrived` is told of each
    source whose request was taken. `cors_origins`: whose pages may call from a browser.
    """

    clients: Clients
    body_bytes_max: int
    quota: Quota
    body_limit: BodyLimit | None = None
    answers: AnswerBudget = field(default_factory=AnswerBudget)
    now: Callable[[], datetime] = utc_now
    report: AlertSink = log_alert
    arrived: Callable[[str], None] = lambda _source: None
    cors_origins: Collection[str] = ()


def deps_of(connection: HTTPConnection) -> GatewayDeps:
    """Find the parts of the app that serves this connection."""
    deps: GatewayDeps = connection.app.state.deps
    return deps


def trace_of(connection: HTTPConnection) -> TraceContext:
    """Find the trace context that the middleware gave this request."""
    context: TraceContext = connection.scope["state"]["trace"]
    return context


def answer_of(connection: HTTPConnection) -> Answer | None:
    """Find the answer that the middleware counts; a WebSocket has none."""
    answer: Answer | None = connection.scope["state"].get("answer")
    return answer


def body_of(connection: HTTPConnection) -> bytes:
    """Give the body that the middleware read, whole and within its limit."""
    body: bytes = connection.scope["state"]["body"]
    return body


def raw_headers(scope: Scope) -> dict[bytes, bytes]:
    """Give a request's headers by lower-case name; of equal names the first counts."""
    return dict(reversed(scope["headers"]))
