"""Texts of people as a customer's page shows them: whoever holds the link learns nothing of a person by it. Pure."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from bus.domain.ticket import Ticket
from bus.domain.values import Customer
from bus.observability.masking import MASK, mask_text

InClear = Callable[[Ticket], Awaitable[Ticket]]
"""Gives a ticket with its customer in clear, so that a page can mask what is theirs. Raises StoreUnavailable."""
_MAIL: Final = re.compile(r"[A-Za-z0-9._%+-]{1,64}[@\uff20][A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_CHARS_MIN: Final = 2  # of a name that is looked for: one character stands in other words, too


def masked(text: str, customer: Customer) -> str:
    """Mask phones and other numbers, mail addresses, and the customer's own name and address."""
    text = _MAIL.sub(MASK, text)
    for own in (customer.name.strip(), customer.address.strip()):
        if len(own) >= _CHARS_MIN:
            text = re.sub(_whole(own), MASK, text, flags=re.IGNORECASE)
    return mask_text(text)


def _whole(name: str) -> str:
    """Give the pattern of a name: of one in letters of an alphabet whole words alone, so that Li is not in Lift."""
    before = "(?<![A-Za-z])" if name[0].isascii() else ""
    after = "(?![A-Za-z])" if name[-1].isascii() else ""
    return f"{before}{re.escape(name)}{after}"
