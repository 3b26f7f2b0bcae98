"""Which type of webhook a word means that is none of ours: news of a ticket must not pass for a foreign event. Pure."""

import re
from collections.abc import Collection
from typing import Final
from unicodedata import normalize

from adapters.crm.wire import TYPES
from bus.domain.simplified import simplified

CHARS_MAX: Final = 80
LONG_CHARS: Final = 7
# What others call it: named to the sender, never taken for it.
_SYNONYMS: Final = {
    **dict.fromkeys(("open", "opened", "new", "add", "added", "submitted", "registered"), "ticket.created"),
    **dict.fromkeys(("comment", "commented", "remark", "remarked", "replied", "reply", "message"), "ticket.note"),
    **dict.fromkeys(("urged", "reminded", "asked"), "ticket.progress_asked"),
    **dict.fromkeys(("close", "closed", "reopen", "reopened", "status", "resolved"), "ticket.status_changed"),
}
# What else a ticket is called: as a whole part of a word, anywhere among its letters, and in Chinese.
_NOUNS: Final = frozenset({"case", "cases", "incident", "incidents", "repair", "repairs"})
_LONG_NOUNS: Final = ("workorder", "servicerequest", "serviceorder", "repairorder")
_CHINESE_NOUNS: Final = ("工单", "报修", "派单", "服务单", "维修单", "故障单", "受理单")
# A verb of opening, alone or behind what may be a report: `new`, `issue.opened`, `sr.created`.
_OPENINGS: Final = frozenset({"open", "opened", "new", "create", "created", "add", "added", "submitted", "raised"})
_MAYBE_NOUNS: Final = frozenset(
    {"issue", "task", "complaint", "sr", "job", "request", "call", "order", "problem", "fault", "report", "event"}
)
_PHONES: Final = frozenset(
    {"phone", "tel", "telephone", "mobile", "mobilephone", "contactphone", "电话", "手机", "联系电话"}
)
_TITLES: Final = frozenset({"title", "subject", "summary", "description", "content", "problem", "标题", "问题", "描述"})
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


def speaks_of_ticket(word: str) -> bool:
    """Say whether a word is of tickets, in other systems' nouns too: `ticket.opened`, `case.created`, 工单创建."""
    plain = simplified(normalize("NFKC", word[:CHARS_MAX]).strip().casefold())
    parts = re.split(r"[^a-z]+", plain)
    return (
        any(part.startswith("ticket") or part in _NOUNS for part in parts)
        or any(noun in re.sub(r"[^a-z]+", "", plain) for noun in _LONG_NOUNS)
        or any(noun in plain for noun in _CHINESE_NOUNS)
    )


def may_open(word: str) -> bool:
    """Say whether a word may be that something was reported: a verb of opening, alone or behind such a noun."""
    parts = [part for part in re.split(r"[^a-z]+", normalize("NFKC", word[:CHARS_MAX]).casefold()) if part]
    return bool(parts) and parts[-1] in _OPENINGS and all(part in _MAYBE_NOUNS for part in parts[:-1])


def is_report(fields: Collection[str]) -> bool:
    """Say whether fields are a report's: what is wrong, and a phone. `fields` are names as they came."""
    plain = {simplified(re.sub(r"[-_ ]", "", one).casefold()) for one in fields}
    return bool(plain & _PHONES) and bool(plain & _TITLES)


def close_type(word: str) -> str:
    """Name the type that does what another word for it says: `ticket.opened` is `ticket.created`; else nothing."""
    letters = _letters(word) if len(word) <= CHARS_MAX else ""
    action = re.sub(r".*?tickets?", "", letters, count=1) if "ticket" in letters else ""
    return _SYNONYMS.get(action, "")


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
