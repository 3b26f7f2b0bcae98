"""What every route of the gateway needs, handed in by the composition root, and what the middleware found out."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.types import Scope

from bus.gateway.auth.quota import Quota
from bus.gateway.http.trace_context import TraceContext
from bus.gateway.ports import Clients
from bus.intake.dispatch import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDeps:
    """Clients and their quota, the body limit and the clock; what one feature alone needs is given to its routes.

    `cors_origins`: whose pages may call from a browser.
    """

    clients: Clients
    body_bytes_max: int
    quota: Quota
    now: Callable[[], datetime] = utc_now
    cors_origins: Collection[str] = ()


def deps_of(connection: HTTPConnection) -> GatewayDeps:
    """Find the parts of the app that serves this connection."""
    deps: GatewayDeps = connection.app.state.deps
    return deps


def trace_of(connection: HTTPConnection) -> TraceContext:
    """Find the trace context that the middleware gave this request."""
    context: TraceContext = connection.scope["state"]["trace"]
    return context


def body_of(connection: HTTPConnection) -> bytes:
    """Give the body that the middleware read, whole and within its limit."""
    body: bytes = connection.scope["state"]["body"]
    return body


def raw_headers(scope: Scope) -> dict[bytes, bytes]:
    """Give a request's headers by lower-case name; of equal names the first counts."""
    return dict(reversed(scope["headers"]))
