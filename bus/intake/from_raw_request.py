"""Turns a raw request into requests, or into rejected input. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bus.domain.commands import Request
from bus.domain.errors import CommandRefused, MalformedInput, Refusal
from bus.domain.terms import TraceId
from bus.intake.command_bodies import within_limits
from bus.intake.command_ids import command_id
from bus.intake.command_requests import opening_request
from bus.intake.source_adapter import Source
from bus.wire.rejected_input import RejectedInput, refused_input
from bus.wire.trace_context import caller_trace
from schemas.messages import RequestReceived

SOURCES_PATH = "/v1/sources/"


def requests_of(received: RequestReceived, sources: Mapping[str, Source]) -> Sequence[Request]:
    """Read a request that waited on Kafka; its sender was proven when it came. Raises MalformedInput."""
    if received.path.startswith(SOURCES_PATH):
        return translated(sources, received)
    request = opening_request(
        client=received.client,
        source=received.source,
        headers=received.headers,
        body=received.body,
        received_at=received.received_at,
        trace_id=TraceId(received.trace_id),
    )
    return [request]


def translated(sources: Mapping[str, Source], received: RequestReceived) -> Sequence[Request]:
    """Translate a verified delivery by its source's adapter. Raises MalformedInput."""
    source = sources.get(received.source)
    if source is None:
        zh, en = f"没有来源“{received.source}”", f"there is no source {received.source!r}"
        raise MalformedInput("no_such_source", "source", zh, en)
    trace = caller_trace(received.headers, received.trace_id)
    return [within_limits(replace(request, caller_trace=trace)) for request in source.translate(received)]


def as_sent(refusal: CommandRefused, request: Request) -> CommandRefused:
    """Give a refusal of a command with its field by the path that the sender wrote, where it is one of its fields."""
    name = refusal.field.partition(".")[0]
    if request.sent_at and refusal.field == "at":
        path = request.sent_at
    elif request.sent_in and (name == "source_no" or hasattr(request.command, name)):
        path = f"{request.sent_in}.{refusal.field}"
    else:
        return refusal
    return CommandRefused(refusal.code, path, refusal.zh, refusal.en, **refusal.context)


def refused_delivery(refusal: Refusal, received: RequestReceived, step: int = 0) -> RejectedInput:
    """Describe a refused command of a delivery; `step` is its place among the delivery's commands."""
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
        headers={**received.headers, ":path": received.path, ":client": received.client},
        began_at=received.received_at,
    )
