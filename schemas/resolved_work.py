"""What a resolution is held against: words that say that nothing was solved, and the work that a type needs (R34)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from unicodedata import normalize

import yaml
from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class UnsolvedWords:
    """Words that say that nothing was solved, and phrases that hold one and do not."""

    words: Sequence[str]
    unless: Sequence[str]


@cache
def unsolved_words() -> UnsolvedWords:
    """Read the words."""
    return TypeAdapter(UnsolvedWords).validate_python(_read("unsolved_words.yaml"))


@cache
def needed_work() -> Mapping[str, frozenset[str]]:
    """Read of which work each ticket type needs something."""
    return TypeAdapter(dict[str, frozenset[str]]).validate_python(_read("needed_work.yaml"))


def says_unsolved(summary: str) -> bool:
    """Say whether a summary tells that nothing was solved, in any width and case and whatever blanks are in it."""
    known = unsolved_words()
    text = _plain(summary)
    for phrase in known.unless:
        text = text.replace(_plain(phrase), "|")
    return any(_plain(word) in text for word in known.words)


def lacks_work(ticket_type: str, works: Collection[str]) -> bool | None:
    """Say whether nothing was done of what a type needs; None: it needs nothing."""
    needed = needed_work().get(ticket_type)
    return None if needed is None else needed.isdisjoint(works)


def _plain(text: str) -> str:
    return "".join(normalize("NFKC", text).lower().split())


def _read(name: str) -> object:
    return yaml.safe_load(resources.files("schemas").joinpath(name).read_text(encoding="utf-8"))
