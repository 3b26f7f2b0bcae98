"""In which region a ticket is at each of its events, and with whom. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bus.domain.events import Recorded, TicketAssigned, TicketReturned
from bus.domain.promise_events import TicketReclassified
from bus.domain.terms import TicketId
from bus.domain.ticket import Ticket


class Whereabouts(NamedTuple):
    """Where a ticket is after an event, and whence it took it; empty: nowhere, None: not known, not moved."""

    region: str | None
    region_before: str | None
    assignee: str | None
    assignee_before: str | None


def whereabouts(events: Sequence[Recorded], tickets: Mapping[TicketId, Ticket]) -> Sequence[Whereabouts]:
    """Give it for each event. `tickets` stand as after all of the events, which come in order of version."""
    stands = {ticket_id: (ticket.region, ticket.assignee.person) for ticket_id, ticket in tickets.items()}
    found = list[Whereabouts]()
    for one in reversed(events):
        if one.ticket_id not in stands:
            found.append(Whereabouts(None, None, None, None))
            continue
        region, person = stands[one.ticket_id]
        region_was, person_was = region, person
        match one.event:
            case TicketReclassified(previous_region=previous):
                region_was = previous
            case TicketAssigned(previous_person=previous) | TicketReturned(previous_person=previous):
                person_was = previous
            case _:
                pass
        found.append(Whereabouts(region, _left(region, region_was), person, _left(person, person_was)))
        stands[one.ticket_id] = region_was, person_was
    return found[::-1]


def _left(now: str, before: str) -> str | None:
    return before if before != now and before else None
