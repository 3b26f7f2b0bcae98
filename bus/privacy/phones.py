"""A person's phone: whether a text is one, whether a text mentions it in any spelling, and how it is masked. Pure."""

import re
from unicodedata import decimal

from bus.domain.no_key import PHONE_DIGITS_MIN
from bus.domain.phone_numbers import is_lettered, plain_phone

DIGITS_MIN, DIGITS_MAX = PHONE_DIGITS_MIN, 20
_GAP = r"(?:[\W_]|转|分机|ext){0,3}"  # between two digits: blanks, dashes, brackets, the word for an extension
_CHINA_DIGITS = 10  # of a landline with its area code, at least; a mobile has 11
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|\D)")


def phone_number(text: str) -> str | None:
    """Spell a phone one way, as tickets are found by it; None for what is no phone."""
    if is_lettered(text):
        return None
    number = plain_phone(text)
    digits = number.removeprefix("+")
    return number if digits.isdecimal() and DIGITS_MIN <= len(digits) <= DIGITS_MAX else None


def masked(phone: str) -> str:
    """Mask a phone in its one spelling: 138****0001; of a short one only the last two digits are left."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= _CHINA_DIGITS else f"****{phone[-2:]}"


def mentions(text: str, phone: str) -> bool:
    """Say whether a text, JSON or plain, holds a phone, given in its one spelling.

    In any width, with gaps; of a phone of China with or without its code and the 0 of long distance.
    """
    unescaped = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text) if "\\" in text else text
    if not unescaped.isascii():
        unescaped = "".join(str(decimal(one)) if one.isdecimal() else one for one in unescaped)
    before, digits = "", phone.removeprefix("+")
    if digits != phone:
        before = rf"(?:00{_GAP})?"
    elif len(phone) >= _CHINA_DIGITS:
        before = rf"(?:(?:00{_GAP})?86{_GAP})?(?:0{_GAP})?"
    return re.search(rf"(?<![0-9]){before}{_GAP.join(digits)}(?![0-9])", unescaped) is not None
