"""Editing a dead letter: the new bytes are validated against the schema before anything changes."""

from collections.abc import Mapping
from dataclasses import replace
from difflib import unified_diff
from typing import Any, TypeVar

import orjson

from bus.domain.errors import MalformedInput
from bus.domain.events import Event
from bus.domain.terms import TraceId
from bus.domain.text import Text
from bus.intake.command_bodies import build
from bus.intake.from_kafka_command import request_of as command_of
from bus.intake.from_raw_request import requests_of
from bus.intake.source_adapter import Source
from bus.postgres.clear_events import ClearEvents
from bus.postgres.personal_keys import Reader, opened
from bus.postgres.pool import Connection
from bus.wire.codec import Codec, plain
from bus.wire.json_body import read_object
from deadletter import store as letters
from deadletter.dead_letter import DeadLetter, Decision, LetterKept
from deadletter.replay import NO_WAY_BACK, kind_of_origin, request_of
from deadletter.view import decoded
from schemas.messages import CommandSent

_LOCK_TICKET = "SELECT FROM ticket_states WHERE ticket_id = %s FOR UPDATE"
Payload = TypeVar("Payload")


async def edit(
    connection: Connection,
    number: int,
    text: bytes,
    decision: Decision,
    *,
    clear: ClearEvents,
    sources: Mapping[str, Source],
) -> int:
    """Put a mended copy of an open letter in its place; gives the copy's number.

    Raises LetterGone, LetterKept, MalformedInput that names the field; then nothing is changed.
    """
    keys, codec = clear.keys, clear.schemas.codec
    letter = await letters.read_clear(connection, number, keys)
    await clear.schemas.know([letter.value])
    if letter.target:
        recorded = codec.decode(letter.value)
        await connection.execute(_LOCK_TICKET, (letter.ticket_id,))  # an erasure comes before it, or after
        own = opened(await keys.load(connection, [letter.value]), letter.ticket_id, recorded.event)
        sealing = await keys.of_ticket(connection, recorded.ticket_id)
        event = sealing.seal(recorded.ticket_id, edited_event(letter, own, text))
        await keys.put(connection, sealing)
        mended = codec.encode(replace(recorded, event=event))
    else:
        (mended,) = await keys.sealed_inputs(connection, [edited_input(letter, text, codec=codec, sources=sources)])
    return await letters.replace(connection, number, mended, decision, codec.encode_record)


async def check(
    connection: Connection,
    number: int,
    text: bytes,
    *,
    clear: ClearEvents,
    sources: Mapping[str, Source],
    reader: Reader | None,
) -> tuple[dict[str, Any] | str, dict[str, Any] | str]:
    """Give what an open letter holds and what it would hold once it is edited, in clear; nothing is changed.

    Raises what `edit` raises. That `reader` reads it is recorded.
    """
    keys, codec = clear.keys, clear.schemas.codec
    await letters.lock(connection, [number])
    letter = await letters.read_clear(connection, number, keys, reader)
    await clear.schemas.know([letter.value])
    if letter.target:
        recorded = codec.decode(letter.value)
        own = opened(await keys.load(connection, [letter.value], reader), letter.ticket_id, recorded.event)
        return plain(own), plain(edited_event(letter, own, text))
    mended = replace(letter, value=edited_input(letter, text, codec=codec, sources=sources))
    if kind_of_origin(letter.origin) in ("webhook", "http"):
        return letter.value.decode(errors="replace"), mended.value.decode(errors="replace")
    return decoded(letter, codec), decoded(mended, codec)


def changed_lines(before: dict[str, Any] | str, after: dict[str, Any] | str) -> list[str]:
    """Give the lines that differ, those of before with a minus, those of after with a plus. Pure."""
    lines = [*unified_diff(_lines(before), _lines(after), n=0, lineterm="")]
    return [line for line in lines[2:] if not line.startswith("@@")]  # the first two name files


def edited_event(letter: DeadLetter, own: Event, text: bytes) -> Event:
    """Give the event that goes out in place of a delivery's own; `text` is a JSON object of the fields that change.

    Who and when, ticket and version stay. Pure. Raises MalformedInput, LetterKept.
    """
    mended = _changed(own, text)
    if mended == own:
        raise _unchanged(letter)
    return mended


def edited_input(letter: DeadLetter, text: bytes, *, codec: Codec, sources: Mapping[str, Source]) -> bytes:
    """Give the bytes that replace an input's own: of a command by the fields that change, of a request its new body.

    Pure. Raises MalformedInput, LetterKept.
    """
    match kind_of_origin(letter.origin):
        case "commands" | "answer":
            sent = codec.decode_record(letter.value)
            if not isinstance(sent, CommandSent):
                raise _no_edit(letter, Text("不是命令记录", "it is no command"))
            sent = replace(sent, command=_changed(sent.command, text))
            command_of(sent, received_at=letter.began_at, trace_id=TraceId(letter.trace_id))
            mended = codec.encode_record(sent)
        case "webhook" | "http":
            requests_of(request_of(letter, text), sources)
            mended = text
        case unknown:
            raise _no_edit(letter, NO_WAY_BACK.get(unknown, Text("字节无法识别", "its bytes are no record of the bus")))
    if mended == letter.value:
        raise _unchanged(letter)
    return mended


def _changed(payload: Payload, text: bytes) -> Payload:
    changes = read_object(text)
    if not changes:
        raise MalformedInput("missing", "body", "没有要改的字段", "name at least one field to change")
    own: dict[str, Any] = plain(payload)
    return build(type(payload), own | changes)


def _lines(content: dict[str, Any] | str) -> list[str]:
    text = content if isinstance(content, str) else orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    return text.splitlines()


def _unchanged(letter: DeadLetter) -> LetterKept:
    return _no_edit(letter, Text("内容没有变化", "nothing in it is changed"))


def _no_edit(letter: DeadLetter, why: Text) -> LetterKept:
    return LetterKept(Text(f"死信 {letter.id} 不能修改:{why.zh}", f"letter {letter.id} cannot be edited: {why.en}"))
