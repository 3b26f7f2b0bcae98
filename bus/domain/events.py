"""Events of a ticket: one frozen class each, and the envelope that records it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from typing_extensions import Doc

from bus.domain import customer_link_events, engineer_link_events, fields, routed
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
from bus.domain.promise_events import (
    NextStepOverdue,
    PauseAllowanceSpent,
    PromisesReplanned,
    SlaBreached,
    SlaBreachWithdrawn,
    SlaWarned,
    TicketReclassified,
)
from bus.domain.terms import CommandId, EventId, JoinCause, State, Substate, TicketId, TraceId
from bus.domain.values import Assignee
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOpened:
    """A report became a ticket. The SLA limits granted are part of the fact, in seconds."""

    source_no: fields.SourceNo
    incident_key: fields.IncidentKey
    title: fields.Title
    description: fields.Description
    type: fields.Type
    region: fields.Region
    skills: fields.Skills
    priority: fields.Priority
    serial: Annotated[str, Doc("the device's serial number, as reported or as the incident key; empty: not known")]
    customer: fields.Customer
    opened_at: Annotated[datetime, Doc("when it was reported at the source, UTC; both SLA clocks begin here")]
    response_limit_s: Annotated[int, Doc("promised time until the first response, in seconds")]
    resolution_limit_s: Annotated[int, Doc("promised time until it is resolved, in seconds; pauses do not count")]
    calendar: fields.WorkingCalendar = None
    product: fields.Product = ""
    batch: fields.Batch = ""
    customer_ref: fields.CustomerRef = ""
    step_deadlines: fields.StepDeadlines = ()
    pause_allowances: fields.PauseAllowances = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJoined:
    """A later report of the same incident joined its master ticket (R2)."""

    cause: Annotated[JoinCause, Doc("what it has in common with its master")]
    source_no: fields.SourceNo
    incident_key: fields.IncidentKey
    title: fields.Title
    description: fields.Description
    customer: fields.Customer
    reported_at: Annotated[datetime, Doc("when it was reported at the source, UTC")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAssigned:
    """The ticket has a responsible person; while 处理中 this is a handover."""

    assignee: Annotated[Assignee, Doc("who is responsible from now on")]
    previous_person: Annotated[str, Doc("who was responsible until now, by name; empty: nobody")]
    reason: fields.Reason
    claim_due_at: Annotated[datetime | None, Doc("an offer: taken back unless claimed by then, UTC; null: none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReturned:
    """The ticket lost its handler and is back in the queue, in the state named."""

    state: Annotated[State, Doc("the state that the ticket is in from now on")]
    previous_person: Annotated[str, Doc("who was responsible until now, by name; empty: nobody")]
    reason: fields.Reason
    claim_missed: Annotated[bool, Doc("the bus took an offer back that was not claimed in time")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentAccepted:
    """The person assigned claimed the ticket: the first response."""

    note: fields.Remark
    automatic: fields.Automatic = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerDeparted:
    """The engineer is on the way."""

    expected_at: fields.ExpectedAt
    automatic: fields.Automatic = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerArrived:
    """The engineer is on site; 现场勘查 begins."""

    place: fields.Place
    automatic: fields.Automatic = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStarted:
    """Work goes on in the substate named; an imported past may not know it."""

    substate: Annotated[Substate | None, Doc("what is being done; null: an imported past does not say")]
    reason: fields.Reason
    automatic: fields.Automatic = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPaused:
    """Work waits for somebody else; the resolution clock stands still."""

    waiting_for: fields.WaitingFor
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseReasonChanged:
    """A paused ticket now waits for somebody else; the pause goes on."""

    waiting_for: fields.WaitingFor
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResumed:
    """The wait is over; the resolution clock runs again."""

    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRequested:
    """Spare parts were asked for."""

    request_no: Annotated[str, Doc("the number of this request: the asker's own, or else the command's id")]
    parts: fields.PartsWanted
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsIssued:
    """The store issued spare parts against a document."""

    request_no: fields.PartsRequestNo
    document_no: fields.DocumentNo
    parts: fields.PartsGiven


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRefused:
    """The store cannot issue the parts."""

    request_no: fields.PartsRequestNo
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAdded:
    """A proof of work, by reference."""

    kind: fields.EvidenceKind
    uri: fields.Uri
    sha256: fields.Sha256
    caption: fields.Caption


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded:
    """A remark; `changed` names the columns of a source row that the domain does not know."""

    text: fields.Text
    changed: fields.Changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressAsked:
    """The customer asked how it goes (R28 counts these)."""

    asked_by: fields.AskedBy
    text: fields.Question


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEscalated:
    """The ticket is on the board of the role named."""

    to: fields.Board
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataErased:
    """The ticket's personal data was erased: no personal field of its events so far can be read any more (R50)."""

    reason: fields.Reason


Event = (
    TicketOpened
    | ReportJoined
    | routed.TicketRouted
    | TicketAssigned
    | TicketReturned
    | AssignmentAccepted
    | EngineerDeparted
    | EngineerArrived
    | CollaboratorAdded
    | CollaboratorRemoved
    | WorkStarted
    | WorkPaused
    | PauseReasonChanged
    | WorkResumed
    | PartsRequested
    | PartsIssued
    | PartsRefused
    | EvidenceAdded
    | NoteAdded
    | ProgressAsked
    | customer_link_events.CustomerLinkRevoked
    | engineer_link_events.EngineerLinkRevoked
    | TicketResolved
    | ClosureRequested
    | ClosureConfirmed
    | ClosureRejected
    | ClosureReminded
    | ClosureExpired
    | ClosureCodeRefused
    | ClosureCodeAsked
    | TicketTagged
    | TicketReopened
    | SlaWarned
    | SlaBreached
    | SlaBreachWithdrawn
    | NextStepOverdue
    | PauseAllowanceSpent
    | TicketReclassified
    | PromisesReplanned
    | TicketEscalated
    | WorkOrderStarted
    | StepSignedOff
    | StepApproved
    | StepRejected
    | WorkOrderCancelled
    | PersonalDataErased
)


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Recorded:
    """An event as it stands in the log: who, when, why known, and the event itself."""

    event_id: Annotated[EventId, Doc("the event's own id, UUIDv7; also the header `ce_id`")]
    ticket_id: Annotated[TicketId, Doc("the bus's number of the ticket, as T20261122-000123; also the Kafka key")]
    version: Annotated[int, Doc("1, 2, 3 … without a gap, per ticket; also the header `ticket-version`")]
    trace_id: Annotated[TraceId, Doc("the ticket's trace for life, 32 hex digits; also in the header `traceparent`")]
    occurred_at: Annotated[datetime, Doc("when it happened at its source, UTC; also the header `ce_time`")]
    recorded_at: Annotated[datetime, Doc("when the bus decided it, UTC; also the record's timestamp")]
    source: Annotated[str, Doc("the system or client that asked; also in the header `ce_source`")]
    actor: Annotated[str, Doc("the person or program that asked, by name; `ticketbus`: nobody but the bus")]
    command_id: Annotated[CommandId, Doc("what asked for it; several events may come of one command")]
    historic: Annotated[bool, Doc("imported past: on `ticket.events` alone, nothing is pushed or alerted")]
    implied: Annotated[bool, Doc("a step that the source jumped over, made up by the import")]
    waived: Annotated[tuple[str, ...], Doc("deliverables that the source's history cannot show, by field name")]
    event: Event
