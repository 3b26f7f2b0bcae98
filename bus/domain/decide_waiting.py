"""What happens when work waits: pauses and spare parts. Pure."""

from typing import assert_never

from bus.domain import refusals
from bus.domain.commands import IssueParts, Pause, RefuseParts, Request, RequestParts, Resume
from bus.domain.events import (
    Event,
    PartsIssued,
    PartsRefused,
    PartsRequested,
    PauseReasonChanged,
    WorkPaused,
    WorkResumed,
)
from bus.domain.terms import WaitingFor
from bus.domain.ticket import Ticket
from bus.domain.values import QUANTITIES


def decide_waiting(
    request: Request, command: Pause | Resume | RequestParts | IssueParts | RefuseParts, ticket: Ticket
) -> tuple[Event, ...]:
    """Answer what begins or ends a wait, or CommandRefused."""
    paused_for = ticket.paused_for
    if isinstance(command, RequestParts | IssueParts) and any(p.quantity not in QUANTITIES for p in command.parts):
        raise refusals.out_of_range("parts.quantity", "备件数量须为 1 至 999999", "ask for 1 to 999999 pieces")
    match command:
        case Pause(waiting_for=waiting_for, reason=reason):
            if paused_for is waiting_for:
                raise refusals.already("waiting_for", f"已在{waiting_for.zh}", "the ticket waits for them already")
            pause = WorkPaused if paused_for is None else PauseReasonChanged
            return (pause(waiting_for=waiting_for, reason=reason),)
        case Resume(reason=reason):
            if paused_for is None:
                raise refusals.already("paused", "该工单未挂起", "the ticket is not paused")
            return (WorkResumed(reason=reason),)
        case RequestParts(parts=parts, request_no=request_no, reason=reason):
            number = request_no or str(request.command_id)
            asked = PartsRequested(request_no=number, parts=parts, reason=reason)
            return (asked,) if paused_for else (asked, WorkPaused(waiting_for=WaitingFor.PARTS, reason=reason))
        case IssueParts(request_no=request_no, document_no=document_no, parts=parts):
            issued = PartsIssued(request_no=request_no, document_no=document_no, parts=parts)
            return (issued, *_parts_wait_over(ticket, document_no))
        case RefuseParts(request_no=request_no, reason=reason):
            return (PartsRefused(request_no=request_no, reason=reason), *_parts_wait_over(ticket, reason))
        case _ as unknown:
            assert_never(unknown)


def _parts_wait_over(ticket: Ticket, reason: str) -> tuple[Event, ...]:
    return (WorkResumed(reason=reason),) if ticket.paused_for is WaitingFor.PARTS else ()
