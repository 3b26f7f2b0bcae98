"""How each event changes a ticket. Pure; `evolve` never refuses: what happened, happened."""

from datetime import datetime
from typing import Final, assert_never

from bus.domain import sla_clock
from bus.domain.closing_events import (
    ClosureCodeAsked,
    ClosureCodeRefused,
    ClosureConfirmed,
    ClosureExpired,
    ClosureRejected,
    ClosureReminded,
    ClosureRequested,
    TicketReopened,
    TicketResolved,
    TicketTagged,
)
from bus.domain.collaborator_events import CollaboratorAdded, CollaboratorRemoved
from bus.domain.collaborators import with_part
from bus.domain.customer_link_events import CustomerLinkRevoked
from bus.domain.engineer_link_events import EngineerLinkRevoked
from bus.domain.errors import InvariantBroken, VersionMissing
from bus.domain.events import (
    AssignmentAccepted,
    EngineerArrived,
    EngineerDeparted,
    Event,
    EvidenceAdded,
    NoteAdded,
    PartsIssued,
    PartsRefused,
    PartsRequested,
    PauseReasonChanged,
    PersonalDataErased,
    ProgressAsked,
    Recorded,
    ReportJoined,
    TicketAssigned,
    TicketEscalated,
    TicketOpened,
    TicketReturned,
    WorkPaused,
    WorkResumed,
    WorkStarted,
)
from bus.domain.fast_replace import replace
from bus.domain.fold_closure import confirmed, fold_closure
from bus.domain.fold_promises import fold_promises
from bus.domain.hand_over import handed_over
from bus.domain.naming import dotted
from bus.domain.promise_events import (
    NextStepOverdue,
    PauseAllowanceSpent,
    PromisesReplanned,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaWarned,
    TicketReclassified,
)
from bus.domain.routed import NOT_ROUTED, TicketRouted, waits_again
from bus.domain.sla_clock import Clock
from bus.domain.terms import BUS, EvidenceKind, KeyKind, State, Substate
from bus.domain.ticket import NOBODY, Ticket
from bus.domain.ticket_steps import first_step, stepped
from bus.domain.visit import expected_visit
from bus.domain.waits import Waits, waited
from bus.domain.work_order import CHANGES, REOPENED, progressed
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)

Answer = AssignmentAccepted | EngineerDeparted | EngineerArrived | WorkStarted
# As being asked about is none (R9).
_NO_ADVANCE: Final = (ProgressAsked, ReportJoined, CustomerLinkRevoked, EngineerLinkRevoked, ClosureCodeAsked)


def evolve(ticket: Ticket | None, recorded: Recorded) -> Ticket:
    """Fold one event; versions must follow each other without a gap, or VersionMissing."""
    known = 0 if ticket is None else ticket.version
    if recorded.version != known + 1:
        raise VersionMissing(recorded.ticket_id, version=recorded.version, known=known)
    if ticket is None:
        return _opened(recorded)
    # A source may tell late of what happened early: the ticket's own time never runs backwards, so no clock does.
    at = max(recorded.occurred_at, ticket.last_at)
    changed = handed_over(ticket, _changed(ticket, recorded.event, at), recorded.occurred_at, at)
    if isinstance(recorded.event, CHANGES | REOPENED):
        changed = replace(changed, work_order=progressed(changed.work_order, recorded))
    changed = waited(ticket, changed, recorded.event, at)
    changed = stepped(ticket, changed, recorded.event, at)
    if (visit_at := expected_visit(ticket.visit_at, recorded.event)) != ticket.visit_at:
        changed = replace(changed, visit_at=visit_at)
    if recorded.actor == BUS:
        assigner = BUS if changed.assignments > ticket.assignments else ticket.assigner
        return replace(changed, version=recorded.version, assigner=assigner)
    return replace(
        changed,
        version=recorded.version,
        assigner=recorded.actor if changed.assignments > ticket.assignments else ticket.assigner,
        last_at=at,
        last_action=dotted(type(recorded.event)),
        acted_at=ticket.acted_at or ticket.last_at if isinstance(recorded.event, _NO_ADVANCE) else at,
    )


def _opened(recorded: Recorded) -> Ticket:
    event = recorded.event
    if not isinstance(event, TicketOpened):
        raise InvariantBroken(f"{recorded.ticket_id}: the first event is {type(event).__name__}, not TicketOpened")
    at = max(recorded.occurred_at, event.opened_at)  # what is dated before the opening counts from there
    return Ticket(
        ticket_id=recorded.ticket_id,
        version=recorded.version,
        trace_id=recorded.trace_id,
        historic=recorded.historic,
        source=recorded.source,
        source_no=event.source_no,
        incident_key=event.incident_key,
        title=event.title,
        type=event.type,
        region=event.region,
        priority=event.priority,
        skills=event.skills,
        serial=event.serial,
        customer=event.customer,
        opened_at=event.opened_at,
        creator=recorded.actor,
        last_at=at,
        last_action=dotted(type(event)),
        acted_at=at,
        response=Clock(limit_s=event.response_limit_s, running_since=event.opened_at, calendar=event.calendar),
        resolution=Clock(limit_s=event.resolution_limit_s, running_since=event.opened_at, calendar=event.calendar),
        handed_over_at=event.opened_at,
        state_since=at,
        product=event.product,
        batch=event.batch,
        customer_ref=event.customer_ref,
        step_deadlines=event.step_deadlines,
        waits=Waits(allowances=event.pause_allowances),
        step=first_step(event.step_deadlines, event.calendar, at),
    )


def _changed(ticket: Ticket, event: Event, at: datetime) -> Ticket:  # one line or two per event type
    match event:
        case TicketOpened():
            raise InvariantBroken(f"{ticket.ticket_id}: opened twice")
        case ReportJoined(customer=customer, incident_key=key):
            found = bool(customer.phone) or key.kind is KeyKind.PHONE  # its personal data is found by that again
            return replace(ticket, reports=ticket.reports + 1, personal_erased=ticket.personal_erased and not found)
        case TicketRouted(person=person, unroutable=unroutable):
            return replace(ticket, routing=replace(ticket.routing, suggested=person, unroutable=unroutable))
        case TicketAssigned():
            return _assigned(ticket, event)
        case TicketReturned():
            return _returned(ticket, event, at)
        case CollaboratorAdded(person=person, part=part):
            return replace(ticket, collaborators=with_part(ticket.collaborators, person, part))
        case CollaboratorRemoved(person=person):
            return replace(ticket, collaborators=with_part(ticket.collaborators, person, ""))
        case AssignmentAccepted() | EngineerDeparted():
            return _responded(ticket, event, at)
        case EngineerArrived():
            return _responded(replace(ticket, state=State.IN_PROGRESS, substate=Substate.ON_SITE), event, at)
        case WorkStarted(substate=substate):
            return _responded(replace(ticket, state=State.IN_PROGRESS, substate=substate), event, at)
        case WorkPaused(waiting_for=waiting_for):
            stopped = sla_clock.stop(ticket.resolution, at)
            return replace(ticket, paused_for=waiting_for, pauses=ticket.pauses + 1, resolution=stopped)
        case PauseReasonChanged(waiting_for=waiting_for):
            return replace(ticket, paused_for=waiting_for)
        case WorkResumed():
            return _running(replace(ticket, paused_for=None), at)
        case PartsRequested():
            return replace(ticket, substate=Substate.PARTS)
        case EvidenceAdded(kind=kind, uri=uri):
            return replace(ticket, photos=(*ticket.photos, uri)) if kind is EvidenceKind.PHOTO else ticket
        case StepSignedOff(photos=uris):
            return replace(ticket, photos=tuple(dict.fromkeys((*ticket.photos, *uris)))) if uris else ticket
        case ProgressAsked():
            return replace(ticket, asked=ticket.asked + 1, asked_at=at)
        case CustomerLinkRevoked(number=number):
            return replace(ticket, link_number=number)
        case EngineerLinkRevoked(number=number):
            return replace(ticket, engineer_link_number=number)
        case TicketResolved():
            return _resolved(ticket, event, at)
        case ClosureRequested() | ClosureReminded() | ClosureExpired() | ClosureCodeRefused() | ClosureCodeAsked():
            return fold_closure(ticket, event, at)
        case ClosureConfirmed():
            return confirmed(ticket, at)
        case TicketTagged(tags=tags):
            return replace(ticket, tags=tags)
        case ClosureRejected():
            return _reopened(ticket, State.IN_PROGRESS, at)
        case TicketReopened():
            state = State.ASSIGNED if ticket.assignee.person else State.PENDING
            return replace(_reopened(ticket, state, at), accepted_at=None, routing=NOT_ROUTED)
        case SlaWarned() | SlaBreached() | SlaBreachWithdrawn() | PromisesReplanned():
            return fold_promises(ticket, event, at)
        case TicketEscalated(to=to):
            return replace(ticket, escalated_to=to)
        case TicketReclassified(type=kind, priority=priority, region=region):
            return replace(ticket, type=kind, priority=priority or ticket.priority, region=region)
        case PersonalDataErased():
            return replace(ticket, personal_erased=True)
        case PartsIssued() | PartsRefused() | NoteAdded() | NextStepOverdue() | PauseAllowanceSpent():
            return ticket
        case WorkOrderStarted() | StepApproved() | StepRejected() | WorkOrderCancelled():
            return ticket  # see `progressed`
        case _ as unknown:
            assert_never(unknown)


def _returned(ticket: Ticket, event: TicketReturned, at: datetime) -> Ticket:
    goes_on = event.state is ticket.state
    returned = replace(
        ticket,
        state=event.state,
        assignee=NOBODY,
        accepted_at=None,
        paused_for=ticket.paused_for if goes_on else None,
        routing=waits_again(ticket.routing, ticket.assignee.person, missed=event.claim_missed),
    )
    return returned if goes_on else replace(_running(returned, at), substate=None)


def _assigned(ticket: Ticket, event: TicketAssigned) -> Ticket:
    known = bool(event.assignee.person)
    return replace(
        ticket,
        state=State.ASSIGNED if ticket.state is State.PENDING else ticket.state,
        assignee=event.assignee,
        accepted_at=None,
        collaborators=with_part(ticket.collaborators, event.assignee.person, ""),
        routing=replace(ticket.routing, suggested="", unroutable="", claim_due_at=event.claim_due_at),
        assignments=ticket.assignments + known,
        reassignments=ticket.reassignments + (known and ticket.assignments > 0),
        escalated_to="",
    )


def _responded(ticket: Ticket, event: Answer, at: datetime) -> Ticket:
    """Take an answer of a person as the first response; one of a program claims nothing."""
    if event.automatic:
        return ticket
    response = sla_clock.settle(ticket.response, at)
    return replace(ticket, accepted_at=ticket.accepted_at or at, response=response)


def _running(ticket: Ticket, at: datetime) -> Ticket:
    return replace(ticket, resolution=sla_clock.run(ticket.resolution, at))


def _resolved(ticket: Ticket, event: TicketResolved, at: datetime) -> Ticket:
    return replace(
        ticket,
        state=State.RESOLVED,
        substate=None,
        paused_for=None,
        resolved_at=at,
        photos=event.photos,
        summary=event.summary,
        root_cause=event.root_cause,
        resolution=sla_clock.settle(ticket.resolution, at),
        escalated_to="",
    )


def _reopened(ticket: Ticket, state: State, at: datetime) -> Ticket:
    # What comes next has to be shown anew: the photos of the first repair prove nothing about the second.
    reopened = replace(
        ticket,
        state=state,
        photos=(),
        resolved_at=None,
        closed_at=None,
        closure_requested=False,
        closure=None,
        closure_expired_at=None,
        reopens=ticket.reopens + 1,
    )
    return _running(reopened, at)
