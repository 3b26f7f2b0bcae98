"""Whose a virtual ticket is that one person practises on: its opener's alone to work (R47). Pure."""

from typing import Final

from bus.domain.commands import Request
from bus.domain.errors import CommandRefused
from bus.domain.terms import BUS, SANDBOX, is_synthetic
from bus.domain.ticket import Ticket

PRACTICE_PREFIX: Final = "practice-"  # how its number at the sandbox begins


def is_practice(ticket_id: str, source_no: str) -> bool:
    """Say whether a ticket is one that its opener alone works; other virtual tickets anybody may."""
    return is_synthetic(ticket_id) and source_no.startswith(PRACTICE_PREFIX)


def check_practice(request: Request, ticket: Ticket) -> None:
    """Refuse a command on another's practice; the sandbox and the bus itself act on any. Raises CommandRefused."""
    own = request.source in (SANDBOX, BUS) or request.actor in (BUS, ticket.creator)
    if own or not is_practice(ticket.ticket_id, ticket.source_no):
        return
    number = ticket.ticket_id
    raise CommandRefused(
        "not_yours",
        "ticket_id",
        f"虚拟工单 {number} 是别人的练习,只有开它的人能处理;请在“练习”另开一张",
        f"virtual ticket {number} is another's practice, and theirs alone to work: open one of your own to practise",
    )
