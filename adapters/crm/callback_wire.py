"""The body of a status callback to a CRM. Pure."""

import orjson

from bus.domain.events import Recorded
from bus.domain.naming import dotted
from bus.domain.ticket import Ticket
from bus.wire.codec import plain


def status_body(recorded: Recorded, ticket: Ticket, link: str = "") -> bytes:
    """Write the callback: the event's own fields in clear, and `ticket` as the event left it. Stable over attempts.

    `link`: to the customer's page; empty: it is not told.
    """
    return orjson.dumps(
        {
            "type": dotted(type(recorded.event)),
            "timestamp": recorded.occurred_at,
            "data": {
                "ticket_id": recorded.ticket_id,
                "source": ticket.source,
                "source_no": ticket.source_no,
                "state": ticket.state,
                "substate": ticket.substate,
                "waiting_for": ticket.paused_for,
                "occurred_at": recorded.occurred_at,
                "version": recorded.version,
                "trace_id": recorded.trace_id,
                "actor": recorded.actor,
                "event": plain(recorded.event),
                **({"customer_link": link} if link else {}),
            },
        }
    )
