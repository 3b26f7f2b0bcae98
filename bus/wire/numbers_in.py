"""The numbers that a body mentions, such as a source's own number: what input without a ticket is found by. Pure."""

import re
from typing import Final

from bus.domain.ticket_keys import plain_number
from bus.observability.masking import mask_text

NUMBERS_MAX: Final = 256
_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./-]{2,62}[0-9A-Za-z]")
_DIGIT: Final = re.compile(r"[0-9]")


def numbers_in(body: bytes) -> set[str]:
    """Give the words of a body that hold a digit, spelled as numbers are; no phones. At most NUMBERS_MAX."""
    found = dict.fromkeys(_TOKEN.findall(body.decode("utf-8", errors="replace")))
    numbers = (plain_number(one) for one in found if _DIGIT.search(one) and mask_text(one) == one)
    return {one for one, _ in zip(numbers, range(NUMBERS_MAX), strict=False)}
