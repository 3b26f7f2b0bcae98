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
_PHONE = re.compile(_ID + r"|(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)")
_BEARER = re.compile(r"(?i)(bearer\s+|whsec_)[A-Za-z0-9+/=._~-]+")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")
# What all three begin with: most texts hold none of it and are done after one look.
_SUSPECT = re.compile(r"1[3-9]\d[- ]?\d{4}|bearer|whsec_|://", re.IGNORECASE)


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
