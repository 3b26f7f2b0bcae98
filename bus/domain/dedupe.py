"""Deduplication: which open ticket takes a report in, by its source's own number or by its key within the window."""

from collections.abc import Collection, Mapping
from datetime import datetime

from bus.domain.commands import OpenTicket, Request
from bus.domain.rules import Rules
from bus.domain.terms import SANDBOX, JoinCause, State, TicketId
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey, key_name, source_name


def happened_at(request: Request, command: OpenTicket) -> datetime:
    """Say when what a report tells of began: the time that it gives, else the request's own."""
    return command.opened_at or request.at


def ticket_of_report(
    request: Request,
    command: OpenTicket,
    *,
    tickets: Mapping[TicketId, Ticket],
    names: Mapping[TicketKey, KeyHolder],
    earlier: Mapping[TicketKey, Collection[KeyHolder]],
    rules: Rules,
) -> tuple[Ticket, JoinCause] | None:
    """Find the ticket that a report joins, and why (R1, R2); None when it opens one of its own. Pure.

    The source's own number decides first, whenever it was; then the incident key: of its tickets that are not closed
    and were opened within `rules.dedupe_window` of the report the nearest, of two as near the later. A virtual report
    has its number alone.
    """
    same_number = names.get(source_name(request.source, command.source_no)) if command.source_no else None
    if same_number is not None:
        return tickets[same_number.ticket_id], JoinCause.SAME_SOURCE_NO
    if request.source == SANDBOX:
        return None
    key, at = key_name(command), happened_at(request, command)
    held = {*earlier.get(key, ()), *([names[key]] if key in names else [])}
    near = [one for one in held if abs(at - one.opened_at) <= rules.dedupe_window]
    still = [one for one in near if tickets[one.ticket_id].state is not State.CLOSED]
    if not still:
        return None
    later_first = sorted(still, key=lambda one: (one.opened_at, one.ticket_id), reverse=True)
    nearest = min(later_first, key=lambda one: abs(at - one.opened_at))
    return tickets[nearest.ticket_id], JoinCause.SAME_KEY
