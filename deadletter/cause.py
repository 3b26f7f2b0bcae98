"""The cause of a dead letter: a fingerprint of what one repair would mend, by the facts and the words. Pure."""

import re
from hashlib import sha256
from typing import Final
from unicodedata import normalize

_READ_MAX: Final = 2_000  # of the words
_CHARS_MAX: Final = 200  # of folded words: what was cut at its end does not differ by where it was cut
_FOLDED: Final = "#"
# In the order in which they are tried. What stays: an error's code, which is no number of a thing, and a field's name.
_PARTS: Final = re.compile(
    r"""(?P<code>\bora-\d+
        |(?:\bsqlstate|\berr(?:or)?[ _-]?(?:code|no)|错误代?码|\bmsgcode|\bretcode)[\s:=\[(]{0,3}[a-z0-9_-]+
        |(?:字段|属性|\bfield|\bcolumn|\bparameter)\s?["'“‘「`][^"'”’」`]{1,40}["'”’」`])
    |"[^"]*"|“[^”]*”|‘[^’]*’|「[^」]*」|『[^』]*』|«[^»]*»|`[^`]*`|(?<![a-z0-9])'[^']*'(?![a-z0-9])
    |[a-z][a-z0-9+.-]*://[^\s,;)\]]+|[a-z0-9._+-]+@[a-z0-9.-]+
    |(?P<word>[a-z0-9]+(?:[-_./:+][a-z0-9]+)*)
    |\*{3,}""",
    re.VERBOSE,
)
_LISTED: Final = re.compile(rf"{_FOLDED}(?:[\s,、;/|]*{_FOLDED})+")
_DIGIT: Final = re.compile(r"[0-9]")


def cause_of_letter(*facts: object, words: str) -> str:
    """Give a cause's fingerprint, 12 hex digits: the same for the same facts and alike words."""
    return sha256("|".join(map(str, (*facts, folded(words)))).encode()).hexdigest()[:12]


def folded(words: str) -> str:
    """Fold what differs between refusals of one cause: numbers, ids, addresses and values in quotes become `#`.

    Error codes and names of fields stay, where the words call them so. Case, width and how many things are
    listed do not count.
    """
    plain = " ".join(normalize("NFKC", words[:_READ_MAX]).casefold().split())
    return _LISTED.sub(_FOLDED, _PARTS.sub(_part, plain))[:_CHARS_MAX]


def _part(found: re.Match[str]) -> str:
    if found["code"] or (found["word"] and not _DIGIT.search(found["word"])):
        return found[0]
    return _FOLDED
