"""The bytes of dead letters and refused inputs, decoded as JSON values. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.wire.codec import Codec, event_json, plain
from schemas.messages import CommandSent, RequestReceived

_COMMAND = ("source", "actor", "at", "ticket_id", "ticket_source_no")
_REQUEST = ("source", "client", "method", "path", "headers", "received_at")


def decoded(body: bytes, codec: Codec) -> dict[str, Any]:
    """Decode an event, a command or a raw request; any other bytes are given as `text`."""
    match _record(body, codec):
        case Recorded() as event:
            return event_json(event)
        case CommandSent(command=command) as sent:
            head = {name: getattr(sent, name) for name in _COMMAND}
            return {"command": type(command).__name__, **head, **plain(command)}
        case RequestReceived() as request:
            return {**{name: getattr(request, name) for name in _REQUEST}, "body": decoded(request.body, codec)}
        case _:
            return {"text": body.decode(errors="replace")}


def texts(value: object) -> Iterator[str]:
    """Give every text within a JSON value, and its numbers as texts."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif value is not None:
        yield str(value)


def _record(body: bytes, codec: Codec) -> Any:
    for read in (codec.decode, codec.decode_record):
        try:
            return read(body)
        except MalformedInput:
            continue
    return None
