"""A sentence in the two languages that service people read. Pure."""

import re
from dataclasses import dataclass
from unicodedata import category

# What a terminal would obey instead of showing: controls, directions and other formats, separators of lines.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Text:
    """Chinese and English of one meaning; as a string Chinese comes first."""

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


def visible(text: str) -> str:
    """Show control and direction characters as JSON escapes them, so that no terminal obeys them. Pure."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_escaped, text)


_UNPRINTABLE = re.compile(r"[^ -~]")


def _escaped(found: re.Match[str]) -> str:
    if category(found[0]) not in _OBEYED:
        return found[0]
    utf16 = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{utf16[i : i + 4]}" for i in range(0, len(utf16), 4))
