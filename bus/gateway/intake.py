"""Intake while PostgreSQL is away: raw requests go to Kafka, and are dispatched from there later, the very same way."""

from collections.abc import Mapping, Sequence

import structlog
from starlette.responses import Response

from bus.batch import Accepted, Refused
from bus.commands import Request
from bus.dispatch import Dispatcher
from bus.errors import KafkaUnavailable, MalformedInput, Refusal, StoreUnavailable
from bus.gateway import metrics
from bus.gateway.answers import count, json_response
from bus.gateway.command_bodies import within_limits
from bus.gateway.command_requests import opening_request
from bus.gateway.deps import GatewayDeps
from bus.gateway.idempotency import command_id
from bus.gateway.ports import Source
from bus.records import RequestReceived
from bus.refused import RefusedInput, RefusedStore, refused_input
from bus.terms import TraceId

SOURCES_PATH = "/v1/sources/"
log = structlog.get_logger()


async def spooled(deps: GatewayDeps, received: RequestReceived) -> Response:
    """Put a request on Kafka and answer 202. Raises StoreUnavailable when Kafka is away too."""
    try:
        await deps.spool(received)
    except KafkaUnavailable:
        metrics.INTAKE_TURNED_AWAY.labels(received.source).inc()
        log.error("intake turned away: neither PostgreSQL nor Kafka takes it", source=received.source)
        raise StoreUnavailable("neither store takes requests now") from None
    metrics.INTAKE_SPOOLED.labels(received.source).inc()
    content = {"answer": "spooled", "delivery_id": received.delivery_id, "trace_id": received.trace_id}
    return json_response(content, 202, {"Ticket-Trace-Id": received.trace_id})


def requests_of(received: RequestReceived, sources: Mapping[str, Source]) -> Sequence[Request]:
    """Read a request that waited on Kafka; its sender was proven when it came. Pure. Raises MalformedInput."""
    trace_id = TraceId(received.trace_id)
    if not received.path.startswith(SOURCES_PATH):
        request = opening_request(
            client=received.client,
            headers=received.headers,
            body=received.body,
            received_at=received.received_at,
            trace_id=trace_id,
        )
        return [request]
    return translated(sources, received)


def translated(sources: Mapping[str, Source], received: RequestReceived) -> Sequence[Request]:
    """Translate a verified delivery by its source's adapter. Pure. Raises MalformedInput."""
    source = sources.get(received.source)
    if source is None:
        zh, en = f"没有来源“{received.source}”", f"there is no source {received.source!r}"
        raise MalformedInput("no_such_source", "source", zh, en)
    requests = source.translate(
        delivery_id=received.delivery_id,
        headers=received.headers,
        body=received.body,
        received_at=received.received_at,
        trace_id=TraceId(received.trace_id),
    )
    return [within_limits(request) for request in requests]


async def take_in(
    received: RequestReceived, *, sources: Mapping[str, Source], dispatcher: Dispatcher, refused: RefusedStore
) -> None:
    """Dispatch a request that waited on Kafka; what is refused is kept under the door it came by.

    Idempotent by command and delivery id. Blocks on the database. Raises StoreUnavailable: try again.
    """
    try:
        requests = requests_of(received, sources)
    except Refusal as refusal:
        await refused.keep([refused_delivery(refusal, received)])
        return
    outcomes = await dispatcher.dispatch(requests)
    for request, outcome in zip(requests, outcomes, strict=True):
        count(request, outcome)
    errors = [(n, outcome.error) for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)]
    await refused.keep([refused_delivery(error, received, n) for n, error in errors])
    accepted = [one.ticket_id for one in outcomes if isinstance(one, Accepted)]
    log.info("spooled request dispatched", source=received.source, tickets=accepted, refused=len(errors))


def refused_delivery(refusal: Refusal, received: RequestReceived, step: int = 0) -> RefusedInput:
    """Describe a refused command of a delivery; `step` is its place among the delivery's commands. Pure."""
    webhook = received.path.startswith(SOURCES_PATH)
    reference = received.delivery_id if webhook else str(command_id(received.client, received.delivery_id))
    ticket_id = refusal.context.get("ticket_id")
    return refused_input(
        refusal,
        origin=f"webhook:{received.source}" if webhook else "http",
        origin_ref=f"{reference}#{step}" if step else reference,
        source=received.source,
        body=received.body,
        trace_id=received.trace_id,
        ticket_id=ticket_id if isinstance(ticket_id, str) else None,
        headers={**received.headers, ":path": received.path},
    )
