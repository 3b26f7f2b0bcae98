"""The process manager of offers: one that is not claimed in time ends, and its ticket waits for the next (R5, R9)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain.inside_commands import WithdrawOffer
from bus.domain.terms import State
from bus.domain.ticket import Ticket
from bus.process.process_manager import Due, ProcessManager, WantedCommand

NAME = "claim"
# Without a lease: the ticket's own row says that it was done, and two timers at once ask for the same command.
_CLAIM = """
SELECT state::text, 'claim' FROM ticket_states
WHERE claim_due_at <= to_char(%(now)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
ORDER BY claim_due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED"""


def _deadlines(ticket: Ticket) -> Mapping[str, datetime]:
    """Give until when a ticket is to be claimed."""
    claim_due_at = ticket.routing.claim_due_at
    return {NAME: claim_due_at} if claim_due_at and ticket.state is State.ASSIGNED else {}


def _react(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
    """Want the offer to end; of one end it is one command, so that a crash repeats nothing."""
    at = _deadlines(ticket).get(due.name)
    return (WantedCommand(command=WithdrawOffer(), name=NAME, at=at),) if at else ()


OFFERS = ProcessManager(name="offers", deadlines=_deadlines, react=_react, claim=_CLAIM)
