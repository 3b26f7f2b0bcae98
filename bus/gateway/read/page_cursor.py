"""The opaque cursors: of a list of tickets the last number shown, of a ticket's events the last version."""

import base64
import binascii

from bus.domain.errors import MalformedInput
from bus.domain.terms import TicketId
from bus.gateway.http.problems import HttpProblem
from bus.gateway.read.ticket_ids import read_ticket_id
from bus.wire.headers import VERSION_DIGITS_MAX


def write_page_cursor(last: TicketId) -> str:
    """Give the cursor of what follows a ticket. Pure."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def read_page_cursor(cursor: str) -> TicketId:
    """Read a cursor that we gave. Pure. Raises MalformedInput."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return read_ticket_id(base64.b64decode(padded, altchars="-_", validate=True).decode())
    except (binascii.Error, UnicodeError, ValueError, HttpProblem):
        raise _malformed() from None


def write_version_cursor(last: int | None) -> str | None:
    """Give the cursor of the events that follow a version; None after the last. Pure."""
    return None if last is None else str(last)


def read_version_cursor(cursor: str) -> int:
    """Read a cursor that we gave. Pure. Raises MalformedInput."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= VERSION_DIGITS_MAX):
        raise _malformed()
    return int(cursor)


def _malformed() -> MalformedInput:
    zh, en = "cursor 无效,请用上一页返回的 next", "not a cursor of ours; use `next` of the page before"
    return MalformedInput("cursor_malformed", "cursor", zh, en)
