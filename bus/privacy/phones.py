"""A person's phone: whether a text is one, whether a text mentions it in any spelling, and how it is masked. Pure."""

import re
from unicodedata import decimal

from bus.domain.ticket_keys import plain_phone

DIGITS_MIN, DIGITS_MAX = 5, 20
_GAP = r"[\W_]{0,3}"  # between two digits: blanks, dashes, brackets
_CHINA_DIGITS = 11  # of a mobile, or a landline with its area code
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|\D)")


def phone_number(text: str) -> str | None:
    """Spell a phone one way, as tickets are found by it; None for what is no phone."""
    if any(one.isalpha() for one in text):
        return None
    number = plain_phone(text)
    return number if number.isdecimal() and DIGITS_MIN <= len(number) <= DIGITS_MAX else None


def masked(phone: str) -> str:
    """Mask a phone in its one spelling: 138****0001; of a short one only the last two digits are left."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= _CHINA_DIGITS else f"****{phone[-2:]}"


def mentions(text: str, phone: str) -> bool:
    """Say whether a text, JSON or plain, holds a phone: in any width, with gaps, with or without China's code."""
    unescaped = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text) if "\\" in text else text
    if not unescaped.isascii():
        unescaped = "".join(str(decimal(one)) if one.isdecimal() else one for one in unescaped)
    china = rf"(?:(?:00)?86{_GAP})?" if len(phone) == _CHINA_DIGITS else ""
    return re.search(rf"(?<![0-9]){china}{_GAP.join(phone)}(?![0-9])", unescaped) is not None
