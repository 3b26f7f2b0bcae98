"""What the gateway is made of, handed in by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import HTTPConnection
from starlette.types import Scope

from bus.gateway.http.trace_context import TraceContext
from bus.gateway.ports import Clients, DeadLetterService, JourneyOf, Probe, SentEventLog, Spool, TicketReader, Waits
from bus.gateway.stream.hub import StreamHub
from bus.gateway.write.group_commit import GroupCommit
from bus.gateway.write.request_coalescing import InFlight
from bus.intake.dispatch import utc_now
from bus.intake.source_adapter import Source
from bus.intake.store_port import Store
from bus.push.sessions import PushSessions
from bus.wire.codec import Codec
from bus.wire.rejected_input import RejectedInputStore
from schemas.topics import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayDeps:
    """Every part behind its port; `probes` by the part's name (postgres, kafka)."""

    group: GroupCommit
    store: Store
    tickets: TicketReader
    clients: Clients
    refused: RejectedInputStore
    contract: Contract
    codec: Codec
    sources: Mapping[str, Source]
    spool: Spool
    waits: Waits
    journey: JourneyOf
    hub: StreamHub
    pushes: SentEventLog
    room: DeadLetterService
    probes: Mapping[str, Probe]
    in_flight: InFlight
    body_bytes_max: int
    desk: PushSessions | None = None
    now: Callable[[], datetime] = utc_now


def deps_of(connection: HTTPConnection) -> GatewayDeps:
    """Find the parts of the app that serves this connection."""
    deps: GatewayDeps = connection.app.state.deps
    return deps


def trace_of(connection: HTTPConnection) -> TraceContext:
    """Find the trace context that the edge gave this request."""
    context: TraceContext = connection.scope["state"]["trace"]
    return context


def body_of(connection: HTTPConnection) -> bytes:
    """Give the body that the edge read, whole and within its limit."""
    body: bytes = connection.scope["state"]["body"]
    return body


def raw_headers(scope: Scope) -> dict[bytes, bytes]:
    """Give a request's headers by lower-case name; of equal names the first counts."""
    return dict(reversed(scope["headers"]))
