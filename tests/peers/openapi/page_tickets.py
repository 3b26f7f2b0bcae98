"""Pages through all tickets by the generated client, and prints what each page held, typed."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from generated import AuthenticatedClient
from generated.api.tickets import list_tickets, show_events, show_ticket
from generated.models import EventPage, Problem, TicketAnswer, TicketOpened, TicketPage

client = AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3])
pages, cursor = [], None
while True:
    page = list_tickets.sync(client=client, limit=3, **({"cursor": cursor} if cursor else {}))
    assert isinstance(page, TicketPage), page
    pages.append([one.ticket_id for one in page.tickets])
    if not (cursor := page.next_):
        break
ticket = show_ticket.sync(client=client, ticket_id=pages[0][0])
assert isinstance(ticket, TicketAnswer), ticket
events = show_events.sync(client=client, ticket_id=pages[0][0])
assert isinstance(events, EventPage), events
assert isinstance(events.events[0], TicketOpened), events
missing = show_ticket.sync_detailed(client=client, ticket_id="T20200101-000001")
print(
    json.dumps(
        {
            "pages": pages,
            "state": ticket.state.value,
            "opened_at": ticket.opened_at.isoformat(),
            "missing": missing.parsed.code if isinstance(missing.parsed, Problem) else None,
        }
    )
)
