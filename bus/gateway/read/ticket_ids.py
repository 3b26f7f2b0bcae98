"""Ticket numbers in paths, validated."""

import re

from bus.domain.terms import TicketId
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem

_NUMBER = re.compile(r"[TV][0-9]{8}-[0-9]{6,12}", re.ASCII)


def read_ticket_id(text: str) -> TicketId:
    """Read a ticket number; what cannot be one names no ticket. Pure. Raises HttpProblem (404)."""
    if not _NUMBER.fullmatch(text):
        raise no_such_ticket(text)
    return TicketId(text)


def no_such_ticket(text: str) -> HttpProblem:
    """Say that a number names no ticket. Pure."""
    zh, en = f"没有工单 {text[:100]!r},请核对单号", f"there is no ticket {text[:100]!r}; check the number"
    return HttpProblem(404, "no_such_ticket", "ticket_id", Text(zh, en))
