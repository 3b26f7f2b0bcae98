"""What an HTTP answer says to people: its text without markup, on one line. Pure."""

import html
import re
from codecs import BOM_UTF8
from typing import Final

import orjson

CHARS_MAX: Final = 2000  # beyond it nobody reads on; what is stored is shorter still
_BYTES_MAX: Final = 16_384
_PAGE: Final = re.compile(r"\s*<(?:!doctype|\?xml|html|head|body|form|script|title|meta|h[1-6])\b", re.IGNORECASE)
_UNSEEN: Final = re.compile(
    r"<(script|style)\b.*?(?:</\1>|$)|<!--.*?(?:-->|$)|<[^>]*(?:>|$)", re.IGNORECASE | re.DOTALL
)


def is_page(text: str) -> bool:
    """Say whether a text is a page or another markup, where JSON or words were expected."""
    return _PAGE.match(text) is not None


def readable(body: bytes) -> str:
    """Give a body as one line of text, at most CHARS_MAX long: JSON with its characters unescaped, a page's words.

    Not masked: whoever stores it masks it.
    """
    part = body[:_BYTES_MAX]
    try:
        text = orjson.dumps(orjson.loads(part.removeprefix(BOM_UTF8))).decode()
    except orjson.JSONDecodeError:
        text = decoded(part)
        text = html.unescape(_UNSEEN.sub(" ", text)) if is_page(text) else text
    return " ".join(text.split())[:CHARS_MAX]


def decoded(part: bytes) -> str:
    """Decode UTF-8, else GB 18030, in which older servers in China send pages; what is neither has its marks of it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return part.decode(encoding)
        except UnicodeDecodeError:
            continue
    return part.decode("utf-8", "replace")
