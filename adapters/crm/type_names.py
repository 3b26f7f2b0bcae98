"""Which type of webhook a misspelled word means: a misspelling of ours must not pass for a foreign event. Pure."""

import re
from typing import Final
from unicodedata import normalize

from adapters.crm.wire import TYPES

CHARS_MAX: Final = 80
LONG_CHARS: Final = 7
_NO_LETTERS = re.compile(r"[^a-z]+")
_VERSION = re.compile(r"[^a-z0-9]v?[0-9]+$")


def meant_type(word: str) -> str:
    """Name the type that a word is, or is a misspelling of: `ticket.craeted`, `TicketCreated`, `created`; else nothing.

    Two letters may differ in a long word and one in a short; a word with another first letter is another word
    (`ticket.rated`), and so is one with another noun or verb (`customer.created`, `ticket.note.deleted`).
    """
    letters = _letters(word) if len(word) <= CHARS_MAX else ""
    for name in TYPES:
        whole = _letters(name)
        if letters.endswith(whole) or _meant(letters, whole, whole.removeprefix("ticket")):
            return name
    return ""


def _meant(letters: str, whole: str, action: str) -> bool:
    if letters.startswith("ticket"):
        return any(_alike(letters.removeprefix(family), action) for family in ("tickets", "ticket"))
    return letters == action or _alike(letters, whole) or (len(action) >= LONG_CHARS and _alike(letters, action))


def _letters(word: str) -> str:
    """Give a word's letters in lower case, without a version behind it."""
    return _NO_LETTERS.sub("", _VERSION.sub("", normalize("NFKC", word).strip().casefold()))


def _alike(word: str, known: str) -> bool:
    edits = _edits(word, known)
    if word[:1] != known[0]:
        return edits == 1 and len(word) != len(known)  # its first letter is left out, or one stands before it
    return edits <= 1 or (edits == 2 and len(known) >= LONG_CHARS)


def _edits(one: str, other: str) -> int:
    """Count the letters to insert, drop, change or swap with the next; 3 and more is 3."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before, row = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, known in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != known))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == known:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return min(row[-1], 3)
