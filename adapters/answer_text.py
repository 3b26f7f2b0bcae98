"""What an HTTP answer says to people: the words in it, else its text without markup, on one line. Pure."""

import html
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

CHARS_MAX: Final = 2000  # beyond it nobody reads on; what is stored is shorter still
_BYTES_MAX: Final = 16_384
_PAGE: Final = re.compile(r"\s*<(?:!doctype|\?xml|html|head|body|form|script|title|meta|h[1-6])\b", re.IGNORECASE)
# Fields and elements that hold what a system says of a failure; compared without case, `_` and `-`.
_SAYING: Final = re.compile(
    r"(?!log|last)[a-z]*(?:msg|message|messagetext)|errors?|errormessages|detail|faultstring|reason|dsc|desc|tips?"
    r"|(?:err|error|ret|rtn|return|result|resp|rsp)(?:description|desc|info|text|tips?|reason)"
)
_WITHIN: Final = 5  # so deep they are looked for
_ELEMENT: Final = re.compile(r"<(?:[\w.-]+:)?([\w-]+)(?:\s[^>]*)?>([^<]{1,2000})(?=</)")
_MARKED: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_UNSEEN: Final = re.compile(
    r"<(script|style)\b.*?(?:</\1>|$)|<!--.*?(?:-->|$)|<[^>]*(?:>|$)", re.IGNORECASE | re.DOTALL
)


def is_page(text: str) -> bool:
    """Say whether a text is a page or another markup, where JSON or words were expected."""
    return _PAGE.match(text) is not None


def readable(body: bytes) -> str:
    """Give what a body says as one line, at most CHARS_MAX long: of JSON, XML and SOAP the texts of its messages.

    Where it has none, JSON with its characters unescaped, or what stands between markup. Not masked: whoever stores it
    masks it.
    """
    part = body[:_BYTES_MAX]
    try:
        value: object = orjson.loads(part.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError:
        text = decoded(part)
        text = _of_markup(text) if text.lstrip().startswith("<") else text
    else:
        text = "; ".join(dict.fromkeys(_messages(value, _WITHIN))) or orjson.dumps(value).decode()
    return " ".join(text.split())[:CHARS_MAX]


def _of_markup(text: str) -> str:
    """Give the messages of XML or SOAP, or else all that a reader of it would see."""
    text = _MARKED.sub(lambda found: html.escape(found[1]), text)
    # A Fault of SOAP 1.2 says it in Text, inside Reason.
    named = [words for name, words in _ELEMENT.findall(text) if _says(name) or name.casefold() == "text"]
    shown = [words for words in named if words.strip()] if not _PAGE.match(text) or text.lstrip()[:5] == "<?xml" else []
    return html.unescape("; ".join(dict.fromkeys(shown)) or _UNSEEN.sub(" ", text))


def _says(name: str) -> bool:
    return _SAYING.fullmatch(name.replace("_", "").replace("-", "").casefold()) is not None


def _messages(value: object, within: int, *, named: bool = False) -> Iterator[str]:
    """Give the texts of the fields that say something, and of SAP's `message.value`, in their order."""
    match value:
        case str() if named and value.strip():
            yield value.strip()
        case Mapping() if within:
            for name, inner in value.items():
                says = _says(name) or (named and name.casefold() == "value")
                yield from _messages(inner, within - 1, named=says)
        case list() if within:
            for inner in value[:20]:
                yield from _messages(inner, within - 1, named=named)
        case _:
            return


def decoded(part: bytes) -> str:
    """Decode UTF-8, else GB 18030, in which older servers in China send pages; what is neither has its marks of it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return part.decode(encoding)
        except UnicodeDecodeError:
            continue
    return part.decode("utf-8", "replace")
