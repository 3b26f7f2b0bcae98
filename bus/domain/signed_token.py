"""A token that stands in a link: what it names, and the first 128 bits of an HMAC over that. Pure.

It is made of what it names and a key alone, so that it is stored nowhere.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

CHARS_MAX: Final = 120
_MAC_CHARS: Final = 22  # of 128 bits in base64
_TOKEN: Final = re.compile(rf"(.*?)\.([A-Za-z0-9_-]{{{_MAC_CHARS}}})(?![A-Za-z0-9_-])")


def derived_key(master: bytes, purpose: str) -> bytes:
    """Derive a key of one purpose from the master key, so that there is no other secret to keep."""
    return hmac.digest(master, f"ticketbus {purpose}".encode(), sha256)


def signed(key: bytes, purpose: str, named: str) -> str:
    """Give the token of what is named; one of another purpose is none."""
    return f"{named}.{_signature(key, purpose, named)}"


def named_by(key: bytes, purpose: str, token: str) -> str | None:
    """Give what a token names; None: it is none of ours. Takes as long whatever is wrong with it.

    What follows it is nobody's: chats take the mark after a link, or the words, into its address.
    """
    found = _TOKEN.match(token[:CHARS_MAX])
    named, signature = found.groups() if found else ("", "")
    right = hmac.compare_digest(_signature(key, purpose, named).encode(), signature.encode())
    return named if key and right else None


def _signature(key: bytes, purpose: str, named: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, f"{purpose}|{named}".encode(), sha256)).decode()[:_MAC_CHARS]
