"""A POST of a client to a command's request: pure, so that a request that waited on Kafka is read the very same way."""

from collections.abc import Mapping
from datetime import datetime

from bus.domain.commands import Command, OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.terms import TicketId, TraceId
from bus.intake.command_bodies import SHORT_MAX, build, read_time, within_limits
from bus.intake.command_ids import NAME, command_id, fingerprint, read_key
from bus.wire.json_body import read_object
from bus.wire.trace_context import caller_trace

OPEN_PATH = "/v1/tickets"
ACTOR = ":actor"  # beside the headers of a request: the person to whom its client is bound


def command_request(
    cls: type[Command],
    *,
    client: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    received_at: datetime,
    trace_id: TraceId,
    ticket_id: TicketId | None = None,
    source: str = "",
) -> Request:
    """Read what a client wants, or the source that it speaks for.

    `at` in the body is when it happened, `actor` who did it. Raises MalformedInput.
    """
    key = read_key(headers)
    data = read_object(body)
    inner = {name: value for name, value in data.items() if name not in ("at", "actor")}
    return Request(
        command_id=command_id(client, key),
        command=build(cls, inner),
        source=source or client,
        actor=_actor(data["actor"]) if data.get("actor") is not None else headers.get(ACTOR, client),
        at=read_time(data["at"], "at") if data.get("at") is not None else received_at,
        received_at=received_at,
        trace_id=trace_id,
        fingerprint=fingerprint("POST", path, data),
        ticket_id=ticket_id,
        key_field=NAME,
        caller_trace=caller_trace(headers, trace_id),
    )


def opening_request(
    *, client: str, source: str, headers: Mapping[str, str], body: bytes, received_at: datetime, trace_id: TraceId
) -> Request:
    """Read a report of an incident. Raises MalformedInput."""
    return command_request(
        OpenTicket,
        client=client,
        path=OPEN_PATH,
        headers=headers,
        body=body,
        received_at=received_at,
        trace_id=trace_id,
        source=source,
    )


def _actor(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > SHORT_MAX:
        zh, en = "“actor”须为非空文字", "actor is the name of who did it"
        raise MalformedInput("wrong_type", "actor", zh, en)
    name = within_limits(value, "actor")
    if not name:
        raise MalformedInput("missing", "actor", "“actor”没有可见字符", "nothing of actor can be seen")
    return name
