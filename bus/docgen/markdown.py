"""Markdown spelled one way: pages with their header, tables, and drawn sections inside pages written by hand."""

import re
from collections.abc import Iterable, Sequence

from bus.domain.errors import BusError
from schemas.deprecations import Deprecation

HEADER = "<!-- Drawn by `ticketbus docs draw` from {source}. Change it there, then draw again. -->"


class MarkerMissing(BusError):
    """A page that has a drawn section lacks the two markers around it."""


def document(title: str, source: str, *parts: str) -> str:
    """Put a page together. Pure."""
    return "\n\n".join((HEADER.format(source=source), f"# {title}", *(part.strip("\n") for part in parts))) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Spell a table. Pure."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Set a word in code; nothing stays nothing. Pure."""
    return f"`{text}`" if text else ""


def codes(words: Iterable[str]) -> str:
    """Set words in code, one after another. Pure."""
    return " ".join(code(word) for word in words)


def deprecated(one: Deprecation) -> str:
    """Set a paragraph about what will go. Pure."""
    stays = f"**Deprecated** since {one.since}: {code(one.what)} stays until {one.until}"
    return f"{stays}. Instead: {one.instead}. {one.why}\n\n"


def replace_drawn(text: str, name: str, drawn: str) -> str:
    """Replace what stands between `<!-- drawn: NAME -->` and `<!-- end of NAME -->`. Pure. Raises MarkerMissing."""
    begin, end = f"<!-- drawn: {name} -->", f"<!-- end of {name} -->"
    found = re.subn(
        f"({re.escape(begin)}\n).*?({re.escape(end)})", lambda m: f"{m[1]}{drawn}\n{m[2]}", text, flags=re.DOTALL
    )
    if found[1] != 1:
        raise MarkerMissing(f"put {begin} and {end} around the drawn section {name!r}, once")
    return found[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
