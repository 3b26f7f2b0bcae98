"""A dead letter's bytes, decoded for people."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from bus.domain.commands import Command
from bus.domain.errors import MalformedInput
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import INPUT, Reader, opened
from bus.postgres.pool import Pool, connected
from bus.wire.codec import Codec, event_json, plain
from bus.wire.sealing import opened_bytes
from deadletter.dead_letter import DeadLetter
from deadletter.replay import kind_of_origin
from deadletter.store import read
from schemas.messages import CommandSent

TEXT_CHARS_MAX = 10_000


async def show(pool: Pool, number: int, clear: ClearEvents, reader: Reader) -> tuple[DeadLetter, dict[str, Any]]:
    """Read a letter and what its bytes say, in clear; that `reader` reads it is recorded. Raises LetterGone."""
    async with connected(pool) as connection:
        letter = await read(connection, number)
        found = await clear.keys.load(connection, [letter.value], reader)
    if not letter.target:
        letter = replace(letter, value=opened_bytes(found, INPUT, letter.value))
    await clear.schemas.know([letter.value])
    return letter, opened(found, letter.ticket_id, decoded(letter, clear.schemas.codec))


def as_json(letter: DeadLetter, content: dict[str, Any], codec: Codec) -> dict[str, Any]:
    """Give a letter for machines: its fields, its bytes in hex, what they say, and what `edit` takes of it. Pure."""
    shown = {**asdict(letter), "value": letter.value.hex(), "decoded": content}
    return {**shown, "editable": editable(letter, content, codec) if letter.state == "open" else None}


def editable(letter: DeadLetter, content: Mapping[str, Any], codec: Codec) -> dict[str, Any] | str | None:
    """Give what an edit may change: an event's or a command's own fields, a request's body; None of others. Pure."""
    match kind_of_origin(letter.origin):
        case "webhook" | "http":
            return letter.value.decode(errors="replace")
        case "delivery" | "commands" | "answer" if "unreadable" not in content:
            own = codec.decode(letter.value).event if letter.target else _command(letter, codec)
            return {name: content[name] for name in plain(own)} if own else None
        case _:
            return None


def decoded(letter: DeadLetter, codec: Codec) -> dict[str, Any]:
    """Decode a letter's bytes; unreadable ones are shown as text. Pure."""
    try:
        if letter.target:
            return event_json(codec.decode(letter.value))
        if kind_of_origin(letter.origin) in ("commands", "answer"):
            sent = codec.decode_record(letter.value)
            if isinstance(sent, CommandSent):
                return {"source": sent.source, "ticket_id": sent.ticket_id, **plain(sent.command)}
    except MalformedInput as error:
        return {"unreadable": error.en}
    return {"text": letter.value[:TEXT_CHARS_MAX].decode(errors="replace")}


def _command(letter: DeadLetter, codec: Codec) -> Command | None:
    sent = codec.decode_record(letter.value)
    return sent.command if isinstance(sent, CommandSent) else None
