"""What an HTTP answer says to people: the words in it, else its text without markup, on one line. Pure."""

import html
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from typing import Final

import orjson

from adapters.answers.names import call_name, is_shown

CHARS_MAX: Final = 2000  # beyond it nobody reads on; what is stored is shorter still
_BYTES_MAX: Final = 16_384
_PAGE: Final = re.compile(r"\s*<(?:!doctype|\?xml|html|head|body|form|script|title|meta|h[1-6])\b", re.IGNORECASE)
_WITHIN: Final = 5  # so deep they are looked for
_ELEMENT: Final = re.compile(r"<(?:[\w.-]+:)?([\w-]+)(?:\s[^>]*)?>([^<]{1,2000})(?=</)")
_MARKED: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_CHARSET: Final = re.compile(r"""\bcharset\s*=\s*["']?([\w.:+-]{1,40})""", re.IGNORECASE)
_UNMEANT: Final = re.compile(r"iso[-_]?8859[-_]?1|latin-?1|us-ascii|ascii|windows-1252|utf-?8", re.IGNORECASE)
_XML_ENCODING: Final = re.compile(rb"""\s*<\?xml\s[^>]{0,60}?\bencoding\s*=\s*["']([\w.:+-]{1,40})""", re.ASCII)
_UNSEEN: Final = re.compile(
    r"<(script|style)\b.*?(?:</\1>|$)|<!--.*?(?:-->|$)|<[^>]*(?:>|$)", re.IGNORECASE | re.DOTALL
)


def is_page(text: str) -> bool:
    """Say whether a text is a page or another markup, where JSON or words were expected."""
    return _PAGE.match(text) is not None


def charset(content_type: str, body: bytes = b"") -> str:
    """Give the encoding that a Content-Type declares, else the declaration of XML or a mark of UTF-16, or nothing."""
    found = _CHARSET.search(content_type)
    if found and not _UNMEANT.fullmatch(found[1]):
        return found[1]
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "utf-16"
    declared = _XML_ENCODING.match(body.removeprefix(BOM_UTF8))
    return declared[1].decode() if declared else found[1] if found else ""


def readable(body: bytes, declared: str = "") -> str:
    """Give what a body says as one line, at most CHARS_MAX long: of JSON, XML and SOAP the texts of its messages.

    Where it has none, JSON with its characters unescaped, or what stands between markup. Not masked: whoever stores it
    masks it. `declared`: the encoding that the answer gives itself.
    """
    text = decoded(body[:_BYTES_MAX], declared, whole=len(body) <= _BYTES_MAX)
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        text = _of_markup(text) if text.lstrip().startswith("<") else text
    else:
        text = "; ".join(dict.fromkeys(_messages(value, _WITHIN))) or orjson.dumps(value).decode()
    return " ".join(text.split())[:CHARS_MAX]


def _of_markup(text: str) -> str:
    """Give the messages of XML or SOAP, or else all that a reader of it would see."""
    text = _MARKED.sub(lambda found: html.escape(found[1]), text)
    # A Fault of SOAP 1.2 says it in Text, inside Reason.
    named = [words for name, words in _ELEMENT.findall(text) if is_shown(call_name(name)) or name.casefold() == "text"]
    shown = [words for words in named if words.strip()] if not _PAGE.match(text) or text.lstrip()[:5] == "<?xml" else []
    return html.unescape("; ".join(dict.fromkeys(shown)) or _UNSEEN.sub(" ", text))


def _messages(value: object, within: int, *, named: bool = False) -> Iterator[str]:
    """Give the texts of the fields that say something, and of SAP's `message.value`, in their order."""
    match value:
        case str() if named and value.strip():
            yield value.strip()
        case Mapping() if within:
            for name, inner in value.items():
                says = is_shown(call_name(name)) or (named and name.casefold() == "value")
                yield from _messages(inner, within - 1, named=says)
        case list() if within:
            for inner in value[:20]:
                yield from _messages(inner, within - 1, named=named)
        case _:
            return


def decoded(part: bytes, declared: str = "", *, whole: bool = True) -> str:
    """Decode UTF-8, else what was declared, else GB 18030, in which older servers in China send; never fails.

    Latin-1, which servers declare unasked, is none of theirs. What is nothing has its marks of it, as few as may be.
    """
    own = [declared] if declared and not _UNMEANT.fullmatch(declared) else []
    for encoding in ("utf-8-sig", *own, "gb18030"):
        for missing in range(1 if whole else 4):  # the last character may be cut in two
            try:
                return part[: len(part) - missing].decode(encoding)
            except (UnicodeDecodeError, LookupError):  # LookupError: nobody's, or one that makes no text
                continue
    return min((part.decode(one, "replace") for one in ("utf-8", "gb18030")), key=lambda text: text.count("\ufffd"))
