"""Takes personal data and secrets out of a log line before it is written."""

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

MASK = "***"
# Fields that hold a person or a secret, whatever is in them.
_NAMED = re.compile(
    r"(phone|contact|customer|address|password|token|secret|authorization|signature|person|caller)", re.IGNORECASE
)
# A phone number in free text (mainland mobile or with a country code), a bearer token, a password inside a URL.
# Digits inside a trace id or a UUID are none: those are met first, and left.
_ID = r"(?P<id>\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
_GAP = r"[-. ·]?"
_MOBILE = rf"(?:(?:\+|00)?86{_GAP})?[1\uff11][3-9\uff13-\uff19]\d{_GAP}\d{{4}}{_GAP}\d{{4}}"  # of any width
_LANDLINE = r"(?:(?:\+|00)86[-. ]?\d{2,3}|0\d{2,3})[-. ]\d{7,8}|400[-. ]\d{3}[-. ]\d{4}"  # only as people write it
_PHONE = re.compile(rf"{_ID}|(?<!\d)(?:{_MOBILE}|{_LANDLINE})(?!\d)")
_BEARER = re.compile(r"(?i)(bearer\s+|whsec_)[A-Za-z0-9+/=._~-]+")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]{1,128}:)[^@\s]{1,512}@")  # bounded, so that no text takes long
# What all three begin with: most texts hold none of it and are done after one look.
_SUSPECT = re.compile(r"[1\uff11][3-9\uff13-\uff19]\d[-. ·]?\d{4}|\d[-. ]\d{3}|bearer|whsec_|://", re.IGNORECASE)


def mask_text(text: str) -> str:
    """Mask phones, tokens and passwords inside a text."""
    if not _SUSPECT.search(text):
        return text
    masked = _PHONE.sub(lambda found: found[0] if found["id"] else found[0][:3] + "****" + found[0][-4:], text)
    return _URL_PASSWORD.sub(r"\1***@", _BEARER.sub(r"\1***", masked))


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
