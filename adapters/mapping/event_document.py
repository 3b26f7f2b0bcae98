"""An event as the document that the expressions of a target's map read. Pure."""

from typing import Any

import orjson

from bus.delivery.target import Call
from bus.domain.naming import dotted
from bus.domain.ticket import Ticket
from bus.wire.codec import plain, ticket_json


def document_of(call: Call, ticket: Ticket) -> dict[str, Any]:
    """Give what a map's expressions read: the event's envelope, its own fields, and the ticket as it left it.

    `key` is the call's: the same at every attempt, and of a mended copy its own.
    """
    recorded = call.event
    return {
        "key": call.copy_key or call.key,
        "type": dotted(type(recorded.event)),
        "name": type(recorded.event).__name__,
        "event_id": str(recorded.event_id),
        "ticket_id": recorded.ticket_id,
        "version": recorded.version,
        "occurred_at": recorded.occurred_at.isoformat(),
        "actor": recorded.actor,
        "source": recorded.source,
        "trace_id": recorded.trace_id,
        "event": plain(recorded.event),
        "ticket": orjson.loads(ticket_json(ticket)),
    }
