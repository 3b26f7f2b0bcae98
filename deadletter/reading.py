"""What a letter's bytes say, for people."""

from typing import Any

from bus.codec import Codec, event_json, plain
from bus.errors import MalformedInput
from bus.records import CommandSent
from deadletter.doors import door_of
from deadletter.letter import Letter

TEXT_CHARS_MAX = 10_000


def decoded(letter: Letter, codec: Codec) -> dict[str, Any]:
    """Read a letter's bytes as what they are; bytes that nobody can read are shown as text. Pure."""
    try:
        if letter.target:
            return event_json(codec.decode(letter.value))
        if door_of(letter) in ("commands", "answer"):
            sent = codec.decode_record(letter.value)
            if isinstance(sent, CommandSent):
                return {"source": sent.source, "ticket_id": sent.ticket_id, **plain(sent.command)}
    except MalformedInput as error:
        return {"unreadable": error.en}
    return {"text": letter.value[:TEXT_CHARS_MAX].decode(errors="replace")}
