"""What dead letters and refused inputs hold, in clear, as JSON values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bus.domain.errors import MalformedInput
from bus.domain.events import Recorded
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import INPUT, opened
from bus.postgres.pool import Pool, connected
from bus.wire.codec import Codec, event_json, plain
from bus.wire.sealing import opened_bytes
from schemas.messages import CommandSent, RequestReceived

_COMMAND = ("source", "actor", "at", "ticket_id", "ticket_source_no")
_REQUEST = ("source", "client", "method", "path", "headers", "received_at")


async def clear_bodies(pool: Pool, clear: ClearEvents, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    """Read bodies of letters and refused inputs. Raises StoreUnavailable, RegistryUnavailable."""
    async with connected(pool) as connection:
        found = await clear.keys.load(connection, bodies)
    inputs = [opened_bytes(found, INPUT, body) for body in bodies]
    await clear.schemas.know(inputs)
    values = [decoded(body, clear.schemas.codec) for body in inputs]
    return [opened(found, str(value.get("ticket_id")), value) for value in values]  # an event that was delivered


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
