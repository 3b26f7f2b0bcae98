"""The opaque cursors: of lists the place of the last entry shown, of a ticket's events the last version."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from bus.domain.errors import MalformedInput
from bus.domain.terms import TicketId
from bus.gateway.http.problems import HttpProblem
from bus.gateway.read.ticket_ids import read_ticket_id
from bus.wire.headers import VERSION_DIGITS_MAX

Place = TypeVar("Place")


def write_place(*parts: str) -> str:
    """Give the cursor of what follows a place of so many parts, of which none has a blank. Pure."""
    return base64.urlsafe_b64encode(" ".join(parts).encode()).decode().rstrip("=")


def read_place(cursor: str, read: Callable[[Sequence[str]], Place]) -> Place:
    """Read a cursor that we gave; `read` makes the place of its parts. Pure. Raises MalformedInput.

    `read` raises ValueError or HttpProblem for parts that we did not give.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return read(base64.b64decode(padded, altchars="-_", validate=True).decode().split(" "))
    except (binascii.Error, UnicodeError, ValueError, HttpProblem):
        raise _malformed() from None


def read_page_cursor(cursor: str) -> TicketId:
    """Read the cursor of a list of tickets: the last number shown. Pure. Raises MalformedInput."""
    return read_place(cursor, _ticket_id)


def _ticket_id(parts: Sequence[str]) -> TicketId:
    (number,) = parts
    return read_ticket_id(number)


def write_version_cursor(last: int | None) -> str | None:
    """Give the cursor of the events that follow a version; None after the last. Pure."""
    return None if last is None else str(last)


def read_version_cursor(cursor: str) -> int:
    """Read a cursor that we gave. Pure. Raises MalformedInput."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= VERSION_DIGITS_MAX):
        raise _malformed()
    return int(cursor)


def _malformed() -> MalformedInput:
    zh, en = "cursor 无效,请用上一次返回的 next", "not a cursor of ours; use `next` of the answer before"
    return MalformedInput("cursor_malformed", "cursor", zh, en)
