"""The text of a piece of HTML, as help desks keep what people write. Pure; its cost grows with the length alone."""

import html
import re
from typing import Final

_HIDDEN: Final = re.compile(r"<(style|script|title)\b[^<>]*>[^<]*(?:</\1\s*>)?", re.IGNORECASE)
_LINE_ENDS: Final = re.compile(
    r"<(?:br|hr)\b[^<>]*>|</(?:p|div|li|tr|h[1-6]|blockquote|ul|ol|table|pre)\s*>", re.IGNORECASE
)
_TAG: Final = re.compile(r"</?[a-z][^<>]*>|<![^<>]*>", re.IGNORECASE)
# No longer ones: the library's own reader raises for a number of thousands of digits.
_NAMED: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_BLANKS: Final = re.compile(r"[ \t\r\f\v]+")


def plain_text(text: str) -> str:
    """Take tags out, read entities, keep the ends of paragraphs and lines; at most one empty line in a row."""
    if "<" not in text and "&" not in text:
        return text
    text = _TAG.sub("", _LINE_ENDS.sub("\n", _HIDDEN.sub("", text)))
    text = _NAMED.sub(lambda found: html.unescape(found[0]), text).replace("\xa0", " ")
    kept = list[str]()
    for line in (_BLANKS.sub(" ", one).strip() for one in text.split("\n")):
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip()
