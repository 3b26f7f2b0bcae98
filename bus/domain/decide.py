"""The rule between what is wanted and what happens. Pure: time, ids and rules are arguments."""

from dataclasses import replace
from typing import assert_never

from bus.domain import refusals
from bus.domain.closing_commands import (
    AskClosureCode,
    ConfirmClosure,
    RejectClosure,
    Reopen,
    RequestClosure,
    Resolve,
    Tag,
)
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.collaborators import collaborated
from bus.domain.commands import (
    Accept,
    AddEvidence,
    Arrive,
    AskProgress,
    Assign,
    Command,
    Depart,
    Escalate,
    IssueParts,
    Note,
    OpenTicket,
    Pause,
    Reclassify,
    RefuseParts,
    Request,
    RequestParts,
    Resume,
    Return,
    Start,
)
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.decide_closing import decide_closing
from bus.domain.decide_confirming import follow_up_closure
from bus.domain.decide_customer_page import decide_customer_page
from bus.domain.decide_waiting import decide_waiting
from bus.domain.decide_work_order import NO_FACTS, WorkOrderFacts, check_finished, decide_work_order
from bus.domain.engineer_link_commands import RevokeEngineerLink
from bus.domain.engineer_link_events import EngineerLinkRevoked
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    Event,
    EvidenceAdded,
    NoteAdded,
    PersonalDataErased,
    ReportJoined,
    TicketAssigned,
    TicketEscalated,
    TicketOpened,
    TicketReturned,
    WorkStarted,
)
from bus.domain.evidence_uri import file_of
from bus.domain.inside_commands import (
    BreachSla,
    EndAllowance,
    ErasePersonalData,
    ExpireNextStep,
    FollowUpClosure,
    ReplanPromises,
    RouteTicket,
    WarnSla,
    WithdrawOffer,
)
from bus.domain.no_key import plain_word
from bus.domain.preconditions import check, check_names, check_person, check_photos, check_sha256, check_visit
from bus.domain.replan import changed_promises
from bus.domain.routing import Staff, offer_withdrawn, routed
from bus.domain.rules import Rules
from bus.domain.sla import allowance_spent, breach, expire, overdue, stopped_in_time, warn, withdrawn
from bus.domain.terms import BUS, ClockName, EvidenceKind, JoinCause, State
from bus.domain.text import Text, is_blank
from bus.domain.ticket import Ticket
from bus.domain.transitions import TRANSITIONS, legal_in
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder

EVENTS_MAX = 1_000  # of a ticket, before it takes no more of what only says something
_SAYING = (Note, AddEvidence, AskProgress)


def open_ticket(request: Request, rules: Rules) -> tuple[Event, ...]:
    """Answer an opening that no master takes in: one TicketOpened with the promises of its type, or CommandRefused."""
    command = request.command
    assert isinstance(command, OpenTicket)
    check(request, command, TRANSITIONS[None, OpenTicket], rules)
    check_names(command, rules)
    limit = rules.sla.get(command.type)
    if limit is None:
        raise refusals.unknown_word("type", command.type, rules.sla)
    return (
        TicketOpened(
            source_no=command.source_no,
            incident_key=command.incident_key,
            title=command.title,
            description=command.description,
            type=command.type,
            region=command.region,
            skills=command.skills,
            priority=command.priority,
            serial=command.serial or (command.incident_key.value if command.incident_key.kind == "serial" else ""),
            customer=command.customer,
            opened_at=command.opened_at or request.at,
            response_limit_s=int(limit.response.total_seconds()),
            resolution_limit_s=int(limit.resolution.total_seconds()),
            calendar=rules.calendars.promised(limit.calendar, command.region, command.opened_at or request.at),
            product=command.product,
            batch=command.batch,
            customer_ref=command.customer_ref,
            step_deadlines=limit.steps,
            pause_allowances=limit.pauses,
        ),
    )


def join_ticket(request: Request, ticket: Ticket, cause: JoinCause, rules: Rules) -> tuple[Event, ...]:
    """Answer an opening that its master takes in: the report is kept in full (R2)."""
    command = request.command
    assert isinstance(command, OpenTicket)
    _check_not_full(request, ticket)
    check(request, command, TRANSITIONS[None, OpenTicket], rules)
    check_names(command, rules)
    return (
        *overdue(ticket, max(request.at, ticket.last_at)),
        ReportJoined(
            cause=cause,
            source_no=command.source_no,
            incident_key=command.incident_key,
            title=command.title,
            description=command.description,
            customer=command.customer,
            reported_at=command.opened_at or request.at,
        ),
    )


def _check_not_full(request: Request, ticket: Ticket) -> None:
    """Refuse what only adds to a ticket that is full: it is read whole by many, and nobody may make it endless."""
    if ticket.version >= EVENTS_MAX and not request.historic:
        raise refusals.ticket_full(ticket.ticket_id, EVENTS_MAX)


def decide(
    request: Request, ticket: Ticket, rules: Rules, staff: Staff | None = None, facts: WorkOrderFacts = NO_FACTS
) -> tuple[Event, ...]:
    """Answer a command on a ticket with what happens, or CommandRefused. Nothing may happen: an empty answer.

    First SLA targets that fell due before it are breached, and breaches withdrawn that it shows to be none.
    """
    command = request.command
    if isinstance(command, Resolve):  # the photos in evidence count: the deliverable is judged as a whole
        photos = [one for one in (*ticket.photos, *command.photos) if not is_blank(one)]
        command = replace(command, photos=tuple(dict.fromkeys(photos)))
    duty = TRANSITIONS.get((ticket.state, type(command)))
    if duty is None or (duty.historic and not request.historic):
        if ticket.state is State.CLOSED and isinstance(command, ConfirmClosure):
            raise refusals.already("closure", "客户已确认关闭", "the customer has confirmed the closure already")
        raise refusals.not_now(ticket.ticket_id, ticket.state, type(command), legal_in(ticket.state))
    if isinstance(command, _SAYING):
        _check_not_full(request, ticket)
    check(request, command, duty, rules)
    if isinstance(command, Resolve):
        check_finished(request, ticket, rules, facts)
    events = _answer(request, command, ticket, rules, staff=staff or Staff(), facts=facts)
    if isinstance(command, WarnSla | BreachSla | ExpireNextStep | EndAllowance | FollowUpClosure):
        return events
    return (*overdue(ticket, max(request.at, ticket.last_at)), *withdrawn(ticket, events, request.at), *events)


def _answer(
    request: Request, command: Command, ticket: Ticket, rules: Rules, *, staff: Staff, facts: WorkOrderFacts
) -> tuple[Event, ...]:
    match command:
        case OpenTicket():
            raise AssertionError("openings are answered by open_ticket and join_ticket")
        case Assign() | Return() | Accept() | Depart() | Arrive() | Start():
            return _dispatching(request, command, ticket, rules)
        case AddCollaborator() | RemoveCollaborator():
            return collaborated(command, ticket)
        case Pause() | Resume() | RequestParts() | IssueParts() | RefuseParts():
            return decide_waiting(request, command, ticket)
        case AddEvidence() | Note() | Escalate():
            return _noting(command, ticket)
        case AskProgress() | RevokeCustomerLink():
            return decide_customer_page(request, command, ticket, rules)
        case RevokeEngineerLink(reason=reason):
            return (EngineerLinkRevoked(number=ticket.engineer_link_number + 1, reason=reason),)
        case Resolve() | RequestClosure() | AskClosureCode() | ConfirmClosure() | RejectClosure() | Tag() | Reopen():
            return decide_closing(request, command, ticket, rules)
        case StartWorkOrder() | SignStep() | ApproveStep() | RejectStep() | CancelWorkOrder():
            return decide_work_order(request, command, ticket, rules, facts)
        case WarnSla(clock=name):
            return warn(ticket, name, request.at)
        case BreachSla(clock=name):
            return breach(ticket, name, request.at)
        case ExpireNextStep(step=step):
            return expire(ticket, step, request.at)
        case EndAllowance(waiting_for=waiting_for):
            return allowance_spent(ticket, request.at) if ticket.paused_for is waiting_for else ()
        case Reclassify() | ReplanPromises():
            return changed_promises(command, ticket, rules)
        case RouteTicket():
            return routed(ticket, staff, rules, request.at)
        case WithdrawOffer():
            return offer_withdrawn(ticket, request.at)
        case FollowUpClosure():
            return follow_up_closure(request, ticket)
        case ErasePersonalData(reason=reason):
            return (PersonalDataErased(reason=reason),)
        case _ as unknown:
            assert_never(unknown)


def _dispatching(
    request: Request, command: Assign | Return | Accept | Depart | Arrive | Start, ticket: Ticket, rules: Rules
) -> tuple[Event, ...]:
    match command:
        case Assign(assignee=assignee, reason=reason, handler=handler):
            if not request.historic:
                check_person(assignee, rules)
            if handler is not None and handler.strip() != ticket.assignee.person:
                raise refusals.handed_over(ticket.assignee.person)
            return (TicketAssigned(assignee=assignee, previous_person=ticket.assignee.person, reason=reason),)
        case Return(reason=reason):
            return (_returned(request, ticket, reason),)
        case Accept(note=note):
            if ticket.accepted_at and not stopped_in_time(ticket, ClockName.FIRST_RESPONSE, request.at):
                raise refusals.already("accepted", "该工单已接单", "the ticket is accepted already")
            return (AssignmentAccepted(note=note, automatic=_automatic(request, rules)),)
        case Depart(expected_at=expected_at):
            check_visit(request, expected_at, rules)
            return (EngineerDeparted(expected_at=expected_at, automatic=_automatic(request, rules)),)
        case Arrive(place=place):
            return (EngineerArrived(place=place, automatic=_automatic(request, rules)),)
        case Start(substate=substate, reason=reason):
            if substate and ticket.substate is substate and ticket.state is State.IN_PROGRESS:
                zh, en = f"已在{substate.zh}中", f"{substate.value} is going on already"
                raise refusals.already("substate", zh, en)
            return (WorkStarted(substate=substate, reason=reason, automatic=_automatic(request, rules)),)
        case _ as unknown:
            assert_never(unknown)


def _automatic(request: Request, rules: Rules) -> bool:
    """Say whether a program answers and no person; of an imported past nobody knows."""
    by_program = request.automatic or request.actor == BUS or plain_word(request.actor) in rules.robots
    return by_program and not request.historic


def _returned(request: Request, ticket: Ticket, reason: str) -> TicketReturned:
    """Return to the queue. History shows the state itself: what somebody works on, or ended, first loses its person."""
    person, ended = ticket.assignee.person, ticket.state in (State.RESOLVED, State.CLOSED)
    keeps = request.historic and (ended or (person and ticket.state is State.IN_PROGRESS))
    return TicketReturned(state=ticket.state if keeps else State.PENDING, previous_person=person, reason=reason)


def _noting(command: AddEvidence | Note | Escalate, ticket: Ticket) -> tuple[Event, ...]:
    match command:
        case AddEvidence(kind=kind, uri=uri, sha256=sha256, caption=caption):
            check_photos((*ticket.photos, uri) if kind is EvidenceKind.PHOTO else (uri,), ticket.photos, field="uri")
            check_sha256(sha256)
            digest = sha256.lower() or file_of(uri) or ""
            return (EvidenceAdded(kind=kind, uri=uri, sha256=digest, caption=caption),)
        case Note(text=text, changed=changed):
            if is_blank(text) and not changed:
                raise refusals.missing("text", Text("写下备注内容", "say something"))
            return (NoteAdded(text=text, changed=changed),)
        case Escalate(to=to, reason=reason):
            return (TicketEscalated(to=to, reason=reason),)
        case _ as unknown:
            assert_never(unknown)
