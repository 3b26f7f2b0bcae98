"""Drift 责任漂移 (R9): tickets for which nobody acts as they should, for the morning meeting. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bus.domain.collaborators import who_answers
from bus.domain.commands import Accept
from bus.domain.terms import ClockName, State, Term
from bus.domain.ticket import Ticket, clock_of, has_deadlines
from bus.domain.transitions import TRANSITIONS

_CLAIM: Final = TRANSITIONS[State.ASSIGNED, Accept].within or timedelta()
_MISSED: Final = 2


class DriftReason(Term):
    """Why a ticket is on the list."""

    OVERDUE = "overdue", "超时且无更新"
    CLAIMS_MISSED = "claims_missed", "连续两次未接单"
    CLOSURE_EXPIRED = "closure_expired", "客户未确认关闭"
    NOBODY = "nobody", "无人负责"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedTicket:
    """A ticket of the drift list 责任漂移预警清单: with whom it is, and since when nothing was done."""

    ticket_id: str
    trace_id: str
    title: str
    state: State
    region: str
    assignee: str
    last_at: datetime
    last_action: str
    reasons: tuple[DriftReason, ...]


def drifted(ticket: Ticket, now: datetime, left: Collection[str] = ()) -> DriftedTicket | None:
    """Say why a ticket belongs on the list; None: it does not, it is over, imported or virtual.

    Overdue without update: a promise is broken and not met since, and nobody has done anything with it since then;
    a customer who asks how it goes, or reports it again, is no update.
    Two claims missed in a row: it went on twice from who had not claimed it, or once, and who has it now is late, too.
    Closure expired: the customer was asked to confirm, has not answered, and was not asked again.
    Nobody: nobody suits it, or it came back and nobody has taken it since; or who answers for it is among those who
    `left` the directory of people.
    """
    if ticket.state is State.CLOSED or not has_deadlines(ticket):
        return None
    if ticket.state is State.RESOLVED:
        reasons = [DriftReason.CLOSURE_EXPIRED] if ticket.closure_expired_at else []
    else:
        reasons = _of_open(ticket, now, left)
    if not reasons:
        return None
    return DriftedTicket(
        ticket_id=ticket.ticket_id,
        trace_id=ticket.trace_id,
        title=ticket.title,
        state=ticket.state,
        region=ticket.region,
        assignee=ticket.assignee.person,
        last_at=ticket.last_at,
        last_action=ticket.last_action,
        reasons=tuple(reasons),
    )


def _of_open(ticket: Ticket, now: datetime, left: Collection[str]) -> list[DriftReason]:
    reasons = list[DriftReason]()
    clocks = (clock_of(ticket, name) for name in ClockName)
    acted_at = ticket.acted_at or ticket.last_at
    if any(one.breached_at and not one.settled_at and acted_at <= one.breached_at for one in clocks):
        reasons.append(DriftReason.OVERDUE)
    waits = ticket.state is State.ASSIGNED and ticket.accepted_at is None
    late = waits and now > (ticket.routing.claim_due_at or (ticket.handed_over_at or ticket.opened_at) + _CLAIM)
    if ticket.missed_claims + late >= _MISSED:
        reasons.append(DriftReason.CLAIMS_MISSED)
    if _is_nobodys(ticket, now) or who_answers(ticket) in left:
        reasons.append(DriftReason.NOBODY)
    return reasons


def _is_nobodys(ticket: Ticket, now: datetime) -> bool:
    """Say whether a ticket waits for somebody though it was routed or had somebody, for as long as a claim may take."""
    waited = now - (ticket.state_since or ticket.opened_at) > _CLAIM
    return ticket.state is State.PENDING and waited and bool(ticket.routing.unroutable or ticket.assignments)
