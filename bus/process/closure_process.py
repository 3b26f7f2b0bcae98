"""The process manager of closures: who was asked to confirm is reminded, and a request expires unanswered (R20)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain.inside_commands import FollowUpClosure
from bus.domain.ticket import Ticket
from bus.process.process_manager import Due, ProcessManager, WantedCommand

NAME = "closure"
# Times of a state are ISO 8601 in UTC, whose order is that of their bytes: at most a second late, and never early. No
# lease: a row is due until its command is decided, which two timers may ask at once, since it is the same command.
_CLAIM = """
SELECT state::text, 'closure' FROM ticket_states
WHERE closure_next_at <= to_char(%(now)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') COLLATE "C"
ORDER BY closure_next_at LIMIT %(most)s"""


def _deadlines(ticket: Ticket) -> Mapping[str, datetime]:
    """Give when the bus is to act next on a request that waits for the customer."""
    return {NAME: ticket.closure.next_at} if ticket.closure and ticket.closure.next_at else {}


def _react(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
    """Want it followed up; of one request and time it is one command, so that a crash repeats nothing."""
    at = _deadlines(ticket).get(due.name)
    if at is None or ticket.closure is None:
        return ()
    return (WantedCommand(command=FollowUpClosure(), name=f"{NAME} {ticket.closure.version}", at=at),)


CLOSURE = ProcessManager(name="closure", deadlines=_deadlines, react=_react, claim=_CLAIM)
