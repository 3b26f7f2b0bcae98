"""What happens when the customer confirms, declines, wants the code again, or does not answer in time (R20). Pure."""

from datetime import timedelta
from typing import Final

from bus.domain import closure_refusals, refusals
from bus.domain.closing_commands import ConfirmClosure, RejectClosure
from bus.domain.closing_events import (
    ClosureCodeAsked,
    ClosureCodeRefused,
    ClosureConfirmed,
    ClosureExpired,
    ClosureRejected,
    ClosureReminded,
    ClosureRequested,
)
from bus.domain.closure_proof import CODE_TRIES, is_code, may_be_code
from bus.domain.closure_rules import ClosureRules, PendingClosure, reminders
from bus.domain.commands import Request
from bus.domain.escalation import TEAM_LEAD
from bus.domain.events import Event, TicketEscalated
from bus.domain.simplified import simplified
from bus.domain.terms import CUSTOMER_PAGE, SANDBOX, ConfirmedVia, Tick
from bus.domain.text import Text
from bus.domain.ticket import Ticket, has_deadlines

CODES_MAX: Final = 5  # of a request, beside the one that comes with it and with reminders
CODE_AGAIN_AFTER: Final = timedelta(minutes=1)
_EXPIRED = Text("客户未在期限内确认关闭", "the customer has not confirmed the closure in time")


def request_closure(request: Request, note: str, ticket: Ticket, rules: ClosureRules) -> ClosureRequested:
    """Ask the customer; when they are reminded, and when the request expires, stands in the event."""
    if ticket.closure_requested:
        raise refusals.already("closure", "已请客户确认", "the customer has been asked already")
    if not has_deadlines(ticket):
        return ClosureRequested(note=note)
    remind_at, expires_at = reminders(request.received_at, rules, ticket.resolution.calendar)
    return ClosureRequested(note=note, remind_at=remind_at, expires_at=expires_at)


def confirm_closure(
    request: Request, command: ConfirmClosure, ticket: Ticket, rules: ClosureRules
) -> tuple[Event, ...]:
    """Close the ticket, or note a wrong code; whoever works on it confirms by the customer's code alone."""
    if not ticket.closure_requested:
        raise refusals.missing("closure_requested", Text("处理人先申请关闭", "the handler asks for closure first"))
    absent = [tick for tick in Tick if tick not in command.ticks]
    if absent and "ticks" not in request.waives:
        raise refusals.missing(f"ticks.{absent[0].value}", Text(absent[0].zh, "tick all three to close"))
    via = _via(request, command.code)
    if via is not None:
        _refuse_workers(request, command, ticket, via)
    if via is ConfirmedVia.CODE and (wrong := _wrong_code(request, command.code, ticket, rules)):
        return (wrong,)
    ticks = tuple(dict.fromkeys(command.ticks))
    return (ClosureConfirmed(confirmed_by=command.confirmed_by, ticks=ticks, via=via),)


def _via(request: Request, code: str) -> ConfirmedVia | None:
    """Say how the customer answers; None of an imported past."""
    if request.historic:
        return None
    if code.strip():
        return ConfirmedVia.CODE
    if request.source == CUSTOMER_PAGE:
        return ConfirmedVia.PAGE
    by_source = bool(request.source_no) or (request.scope is not None and bool(request.scope.source))
    return ConfirmedVia.CRM if by_source else ConfirmedVia.CONSOLE


def _refuse_workers(request: Request, command: ConfirmClosure, ticket: Ticket, via: ConfirmedVia) -> None:
    """Who works on it is no customer, whichever way they come, and speaks for one by the code alone."""
    workers = frozenset[str]() if request.source == SANDBOX else _workers(ticket)
    if _spelled(command.confirmed_by) in workers:
        raise closure_refusals.handler_is_no_customer()
    if via in (ConfirmedVia.CODE, ConfirmedVia.PAGE):
        return
    engineer = request.scope is not None and bool(request.scope.person)
    if engineer or _spelled(request.actor) in workers:
        raise closure_refusals.code_wanted()


def reject_closure(request: Request, command: RejectClosure, ticket: Ticket, rules: ClosureRules) -> tuple[Event, ...]:
    """Decline the closure, or note a wrong code: a code that is given is held to be the customer's."""
    reason_code = command.reason_code
    if reason_code and reason_code not in rules.rejection_reasons:
        raise refusals.unknown_word("reason_code", reason_code, rules.rejection_reasons)
    if command.code.strip() and (wrong := _wrong_code(request, command.code, ticket, rules)):
        return (wrong,)
    via = _via(request, command.code)
    return (ClosureRejected(rejected_by=command.rejected_by, reason=command.reason, reason_code=reason_code, via=via),)


def ask_code(request: Request, ticket: Ticket) -> ClosureCodeAsked:
    """Have the code sent once more: once a minute, and so often at most; none that would not be taken."""
    if not ticket.closure_requested:
        raise refusals.missing("closure_requested", Text("处理人先申请关闭", "the handler asks for closure first"))
    pending = _with_code(request, ticket)
    if pending.codes_asked >= CODES_MAX:
        raise closure_refusals.codes_spent(CODES_MAX)
    if pending.code_asked_at and request.at < pending.code_asked_at + CODE_AGAIN_AFTER:
        raise closure_refusals.code_sent_lately()
    return ClosureCodeAsked(number=pending.codes_asked + 1)


def _with_code(request: Request, ticket: Ticket) -> PendingClosure:
    """Give a request whose code may still be tried."""
    pending = ticket.closure
    if pending is None:
        raise closure_refusals.no_codes()
    if pending.expires_at is None or request.received_at >= pending.expires_at:
        raise closure_refusals.code_expired()
    if pending.wrong_codes >= CODE_TRIES:
        raise closure_refusals.code_locked()
    return pending


def _wrong_code(request: Request, typed: str, ticket: Ticket, rules: ClosureRules) -> ClosureCodeRefused | None:
    if not rules.key:
        raise closure_refusals.no_codes()
    pending = _with_code(request, ticket)
    if not may_be_code(typed):
        raise closure_refusals.no_six_digits()
    if is_code(rules.key, ticket.ticket_id, pending.version, typed):
        return None
    return ClosureCodeRefused(left=CODE_TRIES - pending.wrong_codes - 1)


def follow_up_closure(request: Request, ticket: Ticket) -> tuple[Event, ...]:
    """Remind the customer once of all reminders that were missed, or let the request expire; nothing before its time.

    What expired is on the team lead's board: it is no confirmation, and the ticket stays 已解决.
    """
    pending, at = ticket.closure, request.at
    if pending is None or pending.next_at is None or at < pending.next_at:
        return ()
    if pending.expires_at is not None and at >= pending.expires_at:
        expired = ClosureExpired(requested_version=pending.version, expired_at=pending.expires_at)
        return (expired, TicketEscalated(to=TEAM_LEAD, reason=str(_EXPIRED)))
    left = tuple(one for one in pending.remind_at if one > at)
    return (ClosureReminded(number=pending.reminded + 1, remind_at=left),)


def _workers(ticket: Ticket) -> frozenset[str]:
    """Name who works on a ticket, as `_spelled`: its handler and their backup, who answers for it, collaborators."""
    who = (ticket.assignee.person, ticket.assignee.backup_person, ticket.answering)
    return frozenset(map(_spelled, filter(None, (*who, *(one.person for one in ticket.collaborators)))))


def _spelled(name: str) -> str:
    return "".join(simplified(name).casefold().split())
