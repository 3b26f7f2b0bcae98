"""What a contact of somebody looks like: a phone, a mail address, or an account with its service. Pure."""

import re
from typing import Final
from unicodedata import normalize

_MAIL: Final = re.compile(r"\S+@\S+")
_ACCOUNT: Final = re.compile(r"[^\W\d_]{2,}[^:]{0,20}: ?\S{2,}")
_DIGITS_MIN: Final = 3  # of a phone within a company


def is_contact(text: str) -> bool:
    """Say whether somebody could be reached by it: `138 0000 0001`, `内线 801`, `wang@example.com`, `微信:wang_01`."""
    shown = normalize("NFKC", text).strip()
    digits = sum(one.isdecimal() for one in shown)
    return digits >= _DIGITS_MIN or any(one.fullmatch(shown) for one in (_MAIL, _ACCOUNT))
