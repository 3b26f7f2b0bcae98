"""The process manager of routing: a ticket that waits for somebody wants to be routed, again after a while (R5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bus.domain.inside_commands import RouteTicket
from bus.domain.terms import State
from bus.domain.ticket import Ticket, has_deadlines
from bus.process.process_manager import Due, ProcessManager, WantedCommand

NAME = "route"
# Who was not tried comes first. A ticket that still waits is tried again a minute later: somebody may have come, or
# have room. Who has somebody has no turn any more: a ticket that comes back within that minute waits for none of it. A
# turn that another timer took since this one's snapshot is not taken again; one that is later than any taken now was
# taken by a clock that ran ahead: it counts for nothing.
_CLAIM = """
WITH taken AS (
    DELETE FROM routing_turns WHERE ticket_id IN (
        SELECT r.ticket_id FROM routing_turns r JOIN ticket_states t USING (ticket_id)
        WHERE t.handler <> '' FOR UPDATE OF r SKIP LOCKED)
), due AS MATERIALIZED (
    SELECT t.ticket_id, t.state FROM ticket_states t LEFT JOIN routing_turns r USING (ticket_id)
    WHERE t.handler = ''
        AND (r.next_at IS NULL OR r.next_at <= %(now)s OR r.next_at > %(lease_until)s + interval '1 minute')
    ORDER BY r.next_at NULLS FIRST, t.ticket_id LIMIT %(most)s FOR UPDATE OF t SKIP LOCKED
), turns AS (
    INSERT INTO routing_turns (ticket_id, next_at) SELECT ticket_id, %(now)s + interval '1 minute' FROM due
    ON CONFLICT (ticket_id) DO UPDATE SET next_at = excluded.next_at
        WHERE routing_turns.next_at <= %(now)s OR routing_turns.next_at > %(lease_until)s + interval '1 minute'
    RETURNING ticket_id
)
SELECT state::text, 'route' FROM due JOIN turns USING (ticket_id)"""


def _deadlines(ticket: Ticket) -> Mapping[str, datetime]:
    """Give since when a ticket waits for somebody; none of the imported past, and of virtual tickets."""
    waits = ticket.state is State.PENDING and has_deadlines(ticket)
    return {NAME: ticket.handed_over_at or ticket.opened_at} if waits else {}


def _react(due: Due, ticket: Ticket) -> Sequence[WantedCommand]:
    """Want it routed; of one version it is one command, so that a crash repeats nothing."""
    at = _deadlines(ticket).get(due.name)
    return (WantedCommand(command=RouteTicket(), name=f"{NAME} {ticket.version}", at=at),) if at else ()


ROUTING = ProcessManager(name="routing", deadlines=_deadlines, react=_react, claim=_CLAIM, together=False)
