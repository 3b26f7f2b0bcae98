"""Names that somebody else chose, as people may see them. Pure."""

import re
from collections.abc import Iterator
from typing import Final

SHOWN_CHARS_MAX: Final = 100
_LEGAL: Final = re.compile(r"(?!.*\d{5})[A-Za-z0-9._-]{1,100}")  # five digits in a row may be somebody's number


def shown(name: str) -> str:
    """Give a name that somebody else chose as people may see it: one line, no long number."""
    return name if _LEGAL.fullmatch(name) else re.sub(r"\d{5,}", "…", "".join(_printable(name)))[:SHOWN_CHARS_MAX]


def one_line(text: str) -> str:
    """Give a text on one line, cut off."""
    return "".join(_printable(text))[:SHOWN_CHARS_MAX]


def _printable(text: str) -> Iterator[str]:
    return (one if one.isprintable() else "?" for one in text)
