"""Deduplication: which open ticket takes a report in, by its source's own number or by its key within the window."""

from collections.abc import Mapping

from bus.domain.commands import OpenTicket, Request
from bus.domain.rules import Rules
from bus.domain.terms import JoinCause, State, TicketId
from bus.domain.ticket import Ticket
from bus.domain.ticket_keys import KeyHolder, TicketKey, key_name, source_name


def ticket_of_report(
    request: Request,
    command: OpenTicket,
    *,
    tickets: Mapping[TicketId, Ticket],
    names: Mapping[TicketKey, KeyHolder],
    rules: Rules,
) -> tuple[Ticket, JoinCause] | None:
    """Find the ticket that a report joins, and why (R1, R2); None when it opens one of its own. Pure.

    The source's own number decides first, whenever it was; then the incident key, within `rules.dedupe_window` of the
    ticket's opening, unless that ticket is closed.
    """
    same_number = names.get(source_name(request.source, command.source_no)) if command.source_no else None
    if same_number is not None:
        return tickets[same_number.ticket_id], JoinCause.SAME_SOURCE_NO
    same_key = names.get(key_name(command))
    if same_key is None or abs((command.opened_at or request.at) - same_key.opened_at) > rules.dedupe_window:
        return None
    ticket = tickets[same_key.ticket_id]
    return None if ticket.state is State.CLOSED else (ticket, JoinCause.SAME_KEY)
