"""A sentence in the two languages that service people read. Pure."""

import re
from dataclasses import dataclass
from unicodedata import category

# What a terminal would obey instead of showing: controls, directions and other formats, separators of lines.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# What nobody sees: Unicode's Default_Ignorable_Code_Point, and the blank of Braille. Of the first plane as the inside
# of a character class that Python, Rust and JSON Schema read alike.
INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
IGNORABLE = re.compile(rf"[{INVISIBLE}\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
_TURNING = "\u202a-\u202e\u2066-\u2069"  # turns the direction of what follows
# What a line cannot hold: controls, ends of lines, marks of direction, annotations, tags.
_NOT_IN_A_LINE = re.compile(
    rf"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\ufff9-\ufffb\U000e0000-\U000e007f{_TURNING}]"
)
# What contacts and chats put around a copied phone or number. U+202E is none of them: it shows digits backwards.
_MARKS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202d\u2066-\u2069]")
_NOT_IN_A_TEXT = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}]")


@dataclass(frozen=True, slots=True)
class Text:
    """Chinese and English of one meaning; as a string Chinese comes first."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


def is_blank(text: str) -> bool:
    """Say whether a reader sees nothing of a text: empty, blanks, and what is invisible. Pure."""
    return not (text if text.isascii() else IGNORABLE.sub("", text)).strip()


def refused_character(text: str, *, lines: bool) -> str:
    """Give the first character that a text of one line, or of `lines`, cannot hold; nothing when there is none. Pure.

    A text of many lines may hold tabs and ends of lines, and marks of direction, but nothing that turns it around.
    """
    if text.isprintable():
        return ""
    found = (_NOT_IN_A_TEXT if lines else _NOT_IN_A_LINE).search(text)
    return found[0] if found else ""


def without_marks(text: str) -> str:
    """Leave out the marks of direction around a copied phone or number; U+202E, which turns digits, stays. Pure."""
    return text if text.isascii() else _MARKS.sub("", text)


def visible(text: str) -> str:
    """Show control and direction characters as JSON escapes them, so that no terminal obeys them. Pure."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_escaped, text)


_UNPRINTABLE = re.compile(r"[^ -~]")


def _escaped(found: re.Match[str]) -> str:
    if category(found[0]) not in _OBEYED:
        return found[0]
    utf16 = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{utf16[i : i + 4]}" for i in range(0, len(utf16), 4))
