"""Takes personal data and secrets out of a log line before it is written."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache
from typing import Any
from unicodedata import category, decimal, normalize

from bus.domain.text import IGNORABLE

MASK = "***"
# Fields that hold a person or a secret, whatever is in them.
_NAMED = re.compile(
    r"(phone|contact|customer|address|password|token|secret|authorization|signature|person|caller)", re.IGNORECASE
)
# A phone number in free text (mainland mobile or landline, also with the country's code), a bearer token, a password
# inside a URL. Digits inside an id or a ticket number are none: those are met first, and left.
_ID = (
    r"(?P<id>\b(?:[0-9a-f]{16}){1,4}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b[TtVv][0-9]{8}-[0-9]{6,12}\b)"
)
_GAP = "[-. /_()]{0,3}"
_CHINA = rf"(?:\+|00)86{_GAP}"
_MOBILE = rf"(?:(?:\+|00)?86{_GAP})?1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}"
_LANDLINE = (  # bare digits only where they begin as an area's code does, and are no fraction
    rf"{_CHINA}0?[1-9][0-9]{{1,2}}{_GAP}[2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}"
    rf"|0[0-9]{{2,3}}[-. /_()]{{1,3}}[0-9]{{3,4}}{_GAP}[0-9]{{4}}"
    rf"|(?<!\.)0(?:10|2[0-9]|[3-9][0-9]{{2}})[2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}"
    r"|400[-. /_]{1,3}[0-9]{3}[-. /_]{1,3}[0-9]{4}"
)
_PHONE = re.compile(rf"{_ID}|(?<![0-9])(?:{_MOBILE}|{_LANDLINE})(?![0-9])")
_BEARER = re.compile(r"(?i)(bearer\s+|whsec_)[A-Za-z0-9+/=._~-]+")
# What stands after the name of a secret, in a query, a header, JSON (also quoted inside a text) or XML.
_NAME_OF_ONE = (
    r"(?:token|secret|passw(?:or)?d|pwd|(?:api|access|app|auth|private)[-_]?key|signature|session-?_?id|credentials?"
    r"|(?:(?<![a-z])|app|pay|check)sign|密码|口令|密钥|令牌)"
)
_NAMED_SECRET = re.compile(
    rf"(?i)({_NAME_OF_ONE}(?:\\?[\"'])?\s{{0,3}}[:=\uff1a]\s{{0,3}}(\\?[\"']))(?:(?!\2).){{1,4096}}"
    rf"|({_NAME_OF_ONE}\s{{0,3}}[:=>\uff1a]\s{{0,3}})(?:v1a?,)?[^\s\"'\\&,;\uff0c\uff1b、。}}\])<]{{1,4096}}"
)
_AUTHORIZATION = re.compile(
    r"(?i)(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:[a-z]{1,20}\s{1,3})?)[^\s\"',;]{1,4096}"
)
# A citizen's number of China: area, birthday, serial and a check character (GB 11643).
_CITIZEN = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9A-Za-z])"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # of its check character
_URL_PASSWORD = re.compile(r"(://[^:/@\s]{1,128}:)[^@\s]{1,512}@")  # bounded, so that no text takes long
# What all three begin with: most texts hold none of it and are done after one look.
_DIGITS = re.compile(r"[0-9]{3}[-. /_()]{0,3}[0-9]{3}")
_SECRET = re.compile(
    r"bearer|whsec_|://|token|secret|passw|pwd|key|sign|session|credential|authorization|密码|口令|密钥|令牌",
    re.IGNORECASE,
)
_UNSEEN = "\0"


class _Plain(dict[int, str]):
    """Each character as ASCII where it is a digit, a sign of a phone number or a gap in one; else as it is."""

    def __missing__(self, code: int) -> str:
        one = chr(code)
        if IGNORABLE.match(one):
            plain = _UNSEEN
        elif (digit := decimal(one, None)) is not None:
            plain = str(digit)
        elif category(one) == "Pd" or one == "\u2212":
            plain = "-"
        elif one in "\u00b7\u30fb\u2022":
            plain = "."
        else:
            plain = normalize("NFKC", one)
            plain = plain if len(plain) == 1 and plain.isascii() else one
        self[code] = plain
        return plain


_PLAIN = _Plain()


def mask_text(text: str) -> str:
    """Mask phones, numbers of citizens, tokens and passwords inside a text."""
    text = _phones_masked(_CITIZEN.sub(_citizen_masked, text))
    if not _SECRET.search(text):
        return text
    text = _URL_PASSWORD.sub(r"\1***@", _BEARER.sub(r"\1***", text))
    return _NAMED_SECRET.sub(r"\1\3***", _AUTHORIZATION.sub(r"\1***", text))


def _citizen_masked(found: re.Match[str]) -> str:
    """Mask a number whose check character is right; others of that length are orders."""
    digits = found[0][:17]
    check = "10X98765432"[sum(int(one) * weight for one, weight in zip(digits, _WEIGHTS, strict=True)) % 11]
    return f"{digits[:3]}****{found[0][-4:]}" if check == found[0][-1].upper() else found[0]


def _phones_masked(text: str) -> str:
    """Mask phones, which are found in the text's plain form, of which each character stands for one of the text."""
    plain = text if text.isascii() else text.translate(_PLAIN)
    places: Sequence[int] = range(len(plain))
    if _UNSEEN in plain:
        places = [place for place, one in enumerate(plain) if one != _UNSEEN]
        plain = plain.replace(_UNSEEN, "")
    if not _DIGITS.search(plain):
        return text
    parts, end = list[str](), 0
    for found in _PHONE.finditer(plain):
        if found["id"] is None:
            phone = places[found.start() : found.end()]
            first, last = ("".join(text[place] for place in some) for some in (phone[:3], phone[-4:]))
            parts += (text[end : phone[0]], first, "****", last)
            end = phone[-1] + 1
    return "".join((*parts, text[end:]))


def mask_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask a log line; a structlog processor."""
    for key, value in event.items():
        event[key] = _mask(key, value)
    return event


@lru_cache(maxsize=1024)
def _named(key: str) -> bool:
    return _NAMED.search(key) is not None


def _mask(key: str, value: Any) -> Any:
    if _named(key):
        return value if value is None or value == "" else MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {inner: _mask(str(inner), one) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mask("", one) for one in value]
    return value
