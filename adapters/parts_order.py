"""What a request for parts asks of an ERP, under a document number that is the same at every attempt. Pure."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from typing import Final

from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.events import PartsRequested
from bus.domain.text import Text
from bus.domain.values import Part

_FOREIGN: Final = re.compile("[^A-Z2-7]")
_BOOKS_ZONE: Final = timezone(timedelta(hours=8))  # the day in the books is China's


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsOrder:
    """What the store is to hand out. `key` and the `number` made of it are the same at every attempt."""

    key: str
    number: str
    ticket_id: str
    request_no: str
    day: date
    parts: tuple[Part, ...]

    @property
    def note(self) -> str:
        """Say on the document what it is for; every document of one request has the same."""
        return f"{self.ticket_id} {self.request_no}"


def parts_order(call: Call, number: Callable[[str], str]) -> PartsOrder:
    """Say what a call asks of the store. Raises DeliveryFailed: only a request for parts has a form there.

    A mended copy wants a document of its own: one for the event as it was may stand there already.
    """
    recorded = call.event
    match recorded.event:
        case PartsRequested(request_no=request_no, parts=parts) if parts:
            key = f"{call.key}|{parts}" if call.mended else call.key
            return PartsOrder(
                key=key,
                number=number(key),
                ticket_id=recorded.ticket_id,
                request_no=request_no,
                day=recorded.occurred_at.astimezone(_BOOKS_ZONE).date(),
                parts=parts,
            )
        case other:
            name = type(other).__name__
            raise DeliveryFailed(
                FailureKind.UNTRANSLATABLE, Text(f"{name} 在 ERP 没有对应单据", f"{name} has no bill there")
            )


def document_number(key: str, length: int) -> str:
    """Derive a number of a call's key: TB and characters of A-Z and 2-7, good in a filter as they are.

    Of 22 characters 100 bits are SHA-256's: among ten million documents two are the same with a chance of 4 in 10^17;
    of 16 characters 70 bits: 4 in 10^8.
    """
    return "TB" + base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[: length - 2]


def is_document_number(number: str, length: int) -> bool:
    """Say whether a number is of the form that `document_number` gives."""
    return len(number) == length and number.startswith("TB") and not _FOREIGN.search(number, 2)
