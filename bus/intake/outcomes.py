"""Counting and logging what commands came to, in whichever program they are dispatched."""

from typing import Any, assert_never

import structlog
from prometheus_client import Counter

from bus.domain.batch import Accepted, Outcome, Refused
from bus.domain.commands import Request
from bus.domain.naming import kebab

OUTCOMES = Counter("ticketbus_commands_total", "Commands answered, by what they came to", ["command", "answer"])
log = structlog.get_logger()


def count(request: Request, outcome: Outcome) -> None:
    """Count and log a command's outcome: one line, found by ticket and by trace."""
    command = kebab(type(request.command))
    fields: dict[str, Any] = {"command": command, "source": request.source}
    match outcome:
        case Accepted(answer=answer):
            OUTCOMES.labels(command, answer.value).inc()
            fields |= {"ticket_id": outcome.ticket_id, "trace_id": outcome.trace_id, "version": outcome.version}
            log.info("command_accepted", answer=answer.value, repeated=outcome.repeated, **fields)
        case Refused(error=error):
            OUTCOMES.labels(command, error.code).inc()
            fields |= {"ticket_id": error.context.get("ticket_id") or request.ticket_id, "trace_id": request.trace_id}
            log.info("command_refused", code=error.code, field=error.field, **fields)
        case _ as unknown:
            assert_never(unknown)
