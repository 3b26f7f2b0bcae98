"""Rows of a whole ticket whose ticket ended otherwise: a step back, or another row of the same incident. Pure."""

from adapters.history.table import BoundTable, Seen
from bus.domain.errors import MalformedInput
from bus.domain.terms import State
from bus.domain.ticket import Ticket


def not_taken_over(table: BoundTable, seen: Seen, ticket: Ticket) -> MalformedInput | None:
    """Say what of a row its ticket does not show, once the row's steps have happened; None when it shows all of it."""
    here = _shown(ticket.state, ticket.assignee.person, ticket.paused_for is not None)
    there = _shown(seen.state, seen.person, seen.waiting_for is not None)
    if here == there:
        return None
    zh = f"总线上的工单 {ticket.ticket_id} 是{here},这一行是{there};导入只补后续步骤,往回走的请在总线上处理"
    en = "the ticket is otherwise on the bus: an import adds later steps and takes none back; change it on the bus"
    return MalformedInput("not_taken_over", table.map.columns.state, zh, en)


def _shown(state: State, person: str, paused: bool) -> str:
    """Spell what counts in a state: somebody is responsible from 已指派 on, and 处理中 alone can wait."""
    who = person if state is not State.PENDING else ""
    waits = "挂起" if paused and state is State.IN_PROGRESS else ""
    return "“" + ",".join(filter(None, (state.zh, who, waits))) + "”"
