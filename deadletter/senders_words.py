"""Reasons of refusals as they are stored: without what they quote of a sender's values, which may be a name. Pure.

The input itself is stored sealed; whoever reads it there is on record.
"""

import re
from collections.abc import Iterator
from typing import Final

import orjson

GONE: Final = "\u2026"
_QUOTED: Final = re.compile(r"""\u201c([^\u201d]+)\u201d|(?<!\w)'((?:[^'\\]|\\.)+)'""")
# ticket.craeted, serial_no: names of a machine, which tell what to mend.
_NAME: Final = re.compile(r"[A-Za-z]+(?:[._-][A-Za-z0-9]+)+", re.ASCII)


def without_senders_words(text: str, body: bytes) -> str:
    """Leave out of a reason what it quotes of a body's values, but for names such as `ticket.opened`."""
    values: list[str] | None = None

    def stripped(found: re.Match[str]) -> str:
        nonlocal values
        content = found[1] or found[2]
        if _NAME.fullmatch(content):
            return found[0]
        values = _values(body) if values is None else values
        return f"{found[0][0]}{GONE}{found[0][-1]}" if any(content in value for value in values) else found[0]

    return _QUOTED.sub(stripped, text)


def _values(body: bytes) -> list[str]:
    """List the texts that a body holds as values; what is no JSON is one text."""
    try:
        return list(_texts(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return [body.decode(errors="replace")]


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
        case _:
            return
