"""The process manager of steps: says of a next step that its own deadline has passed (R13)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain.inside_commands import ExpireNextStep
from bus.domain.ticket import Ticket, has_deadlines
from bus.domain.ticket_steps import step_due_at
from bus.process.process_manager import Due, ProcessManager, WantedCommand

NAME = "step"
# Leases are as those of the SLA targets.
_CLAIM = """
UPDATE sla_tickets AS t SET step_lease_until = %(lease_until)s
FROM (SELECT ticket_id FROM sla_tickets
      WHERE step_due_at <= %(now)s AND (step_lease_until IS NULL OR step_lease_until <= %(now)s
            OR step_lease_until > %(lease_until)s)
      ORDER BY step_due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) AS due
WHERE t.ticket_id = due.ticket_id
RETURNING t.folded::text, 'step'"""


def _deadlines(ticket: Ticket) -> Mapping[str, datetime]:
    """Give when the next step falls due; none once it was late, of the past, and of virtual tickets."""
    at = step_due_at(ticket)
    late = ticket.step and ticket.step.clock and ticket.step.clock.breached_at
    return {} if at is None or late or not has_deadlines(ticket) else {NAME: at}


def _react(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
    """Want it said that the step is late; each time that a step is the next one it is another command."""
    at = _deadlines(ticket).get(due.name)
    if at is None or ticket.step is None:
        return ()
    name = f"{ticket.step.step.value} {ticket.step.began}"
    return (WantedCommand(command=ExpireNextStep(step=ticket.step.step), name=name, at=at),)


STEPS = ProcessManager(name="steps", deadlines=_deadlines, react=_react, claim=_CLAIM)
