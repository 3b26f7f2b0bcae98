"""With whom a ticket is at each of its events. Pure."""

from collections.abc import Mapping, Sequence

from bus.domain.events import Recorded, TicketAssigned, TicketReturned
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket


def people_at(
    events: Sequence[Recorded], tickets: Mapping[TicketId, Ticket]
) -> Sequence[tuple[str | None, str | None]]:
    """Give for each event with whom its ticket is after it, and from whom it took it; empty: nobody, None: not known.

    `tickets` are as they stand after all of the events, which come in order of version.
    """
    stands = {ticket_id: ticket.assignee.person for ticket_id, ticket in tickets.items()}
    found = list[tuple[str | None, str | None]]()
    for one in reversed(events):
        after = stands.get(one.ticket_id)
        before = after
        if after is not None and isinstance(one.event, TicketAssigned | TicketReturned):
            before = one.event.previous_person
        found.append((after, before if before != after and before else None))
        if before is not None:
            stands[one.ticket_id] = before
    return found[::-1]
