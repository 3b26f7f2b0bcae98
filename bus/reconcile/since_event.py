"""Since which event of a ticket the bus says otherwise than its source. Pure."""

from collections.abc import Iterable

from bus.domain.events import Recorded
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket


def differs_since(history: Iterable[Recorded], field: str, listed: str) -> Recorded | None:
    """Give the event after which the field was never again what the source lists; None when it is that now."""
    ticket: Ticket | None = None
    since: Recorded | None = None
    for event in history:
        ticket = evolve(ticket, event)
        if str(getattr(ticket, field)) == listed:
            since = None
        elif since is None:
            since = event
    return since
