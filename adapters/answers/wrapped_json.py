"""JSON of systems that wrap it into JSON strings, or put marks before it. Pure."""

from typing import Final

import orjson

from adapters.answers.text import decoded

_WITHIN: Final = 3  # so often it may be wrapped


def unwrapped(body: bytes) -> object:
    """Parse a body, in UTF-8 or else GBK; what is no JSON is given as its text."""
    answer: object = decoded(body)
    for _ in range(_WITHIN):
        if not isinstance(answer, str):
            break
        text = answer.lstrip("\ufeff").strip()
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return answer
