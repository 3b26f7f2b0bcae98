"""When the engineer is to be on site, as they said when they set out (R16). Pure."""

from datetime import datetime

from bus.domain.closing_events import ClosureRejected, TicketReopened, TicketResolved
from bus.domain.events import EngineerArrived, EngineerDeparted, Event, TicketAssigned, TicketReturned, WorkStarted

_OVER = (
    EngineerArrived | TicketAssigned | TicketReturned | WorkStarted | TicketResolved | ClosureRejected | TicketReopened
)


def expected_visit(known: datetime | None, event: Event) -> datetime | None:
    """Give when the visit is expected after an event: as long as whoever set out is still on the way."""
    if isinstance(event, EngineerDeparted):
        return event.expected_at
    return None if isinstance(event, _OVER) else known
