"""A dead letter's bytes, decoded for people."""

from dataclasses import asdict
from typing import Any

from bus.domain.errors import MalformedInput
from bus.wire.codec import Codec, event_json, plain
from deadletter.dead_letter import DeadLetter
from deadletter.replay import kind_of_origin
from schemas.messages import CommandSent

TEXT_CHARS_MAX = 10_000


def as_json(letter: DeadLetter, codec: Codec) -> dict[str, Any]:
    """Give a letter for machines: its fields, its bytes in hex, and what they say. Pure."""
    return {**asdict(letter), "value": letter.value.hex(), "decoded": decoded(letter, codec)}


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
