"""The numbers and phones that a body mentions: what input without a ticket is found by. Pure."""

import re
from typing import Final

from bus.domain.phone_numbers import plain_phone
from bus.domain.ticket_keys import plain_number
from bus.observability.masking import mask_text

NUMBERS_MAX: Final = 256
_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./-]{2,62}[0-9A-Za-z]")
_DIGIT: Final = re.compile(r"[0-9]")
_PHONE: Final = re.compile(r'"(\+?[0-9(][0-9 ()-]{5,24}[0-9])"')


def numbers_in(body: bytes) -> set[str]:
    """Give the words of a body that hold a digit, spelled as numbers are; no phones. At most NUMBERS_MAX."""
    found = dict.fromkeys(_TOKEN.findall(body.decode("utf-8", errors="replace")))
    numbers = (plain_number(one) for one in found if _DIGIT.search(one) and mask_text(one) == one)
    return {one for one, _ in zip(numbers, range(NUMBERS_MAX), strict=False)}


def phones_in(body: bytes) -> set[str]:
    """Give the texts of a body of JSON that look like phones, spelled one way. For comparing: they are not kept."""
    found = dict.fromkeys(_PHONE.findall(body.decode("utf-8", errors="replace")))
    return {plain_phone(one) for one, _ in zip(found, range(NUMBERS_MAX), strict=False)}
