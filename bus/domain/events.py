"""Events of a ticket: one frozen class each, and the envelope that records it."""

from dataclasses import dataclass
from datetime import datetime

from bus.domain.terms import (
    ClockName,
    CommandId,
    EventId,
    EvidenceKind,
    JoinCause,
    State,
    Substate,
    Tick,
    TicketId,
    TraceId,
    WaitingFor,
)
from bus.domain.values import Assignee, Customer, IncidentKey, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOpened:
    """A report became a ticket. The SLA limits granted are part of the fact, in seconds."""

    source_no: str
    incident_key: IncidentKey
    title: str
    description: str
    type: str
    region: str
    skills: tuple[str, ...]
    priority: str
    serial: str
    customer: Customer
    opened_at: datetime
    response_limit_s: int
    resolution_limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJoined:
    """A later report of the same incident joined its master ticket (R2)."""

    cause: JoinCause
    source_no: str
    incident_key: IncidentKey
    title: str
    description: str
    customer: Customer
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAssigned:
    """The ticket has a responsible person; while 处理中 this is a handover."""

    assignee: Assignee
    previous_person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReturned:
    """The ticket lost its handler and is back in the queue, in the state named."""

    state: State
    previous_person: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentAccepted:
    """The person assigned claimed the ticket: the first response."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerDeparted:
    """The engineer is on the way."""

    expected_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineerArrived:
    """The engineer is on site; 现场勘查 begins."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStarted:
    """Work goes on in the substate named; an imported past may not know it."""

    substate: Substate | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPaused:
    """Work waits for somebody else; the resolution clock stands still."""

    waiting_for: WaitingFor
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseReasonChanged:
    """A paused ticket now waits for somebody else; the pause goes on."""

    waiting_for: WaitingFor
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkResumed:
    """The wait is over; the resolution clock runs again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRequested:
    """Spare parts were asked for."""

    request_no: str
    parts: tuple[Part, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsIssued:
    """The store issued spare parts against a document."""

    request_no: str
    document_no: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsRefused:
    """The store cannot issue the parts."""

    request_no: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAdded:
    """A proof of work, by reference."""

    kind: EvidenceKind
    uri: str
    sha256: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded:
    """A remark; `changed` names the columns of a source row that the domain does not know."""

    text: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressAsked:
    """The customer asked how it goes (R28 counts these)."""

    asked_by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketResolved:
    """Solved in the handler's eyes, with photos, summary and root cause (R14)."""

    photos: tuple[str, ...]
    summary: str
    root_cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRequested:
    """The handler signed; the customer's contact is asked to (R20)."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureConfirmed:
    """The customer's contact signed with the three ticks; the ticket is closed (R20)."""

    confirmed_by: str
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRejected:
    """The customer's contact did not sign; work goes on."""

    rejected_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened:
    """What was solved or closed is open again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaWarned:
    """80 % of a promise is spent."""

    clock: ClockName
    due_at: datetime
    limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaBreached:
    """A promise was not kept; `due_at` is when it fell due."""

    clock: ClockName
    due_at: datetime
    limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEscalated:
    """The ticket is on the board of the role named."""

    to: str
    reason: str


Event = (
    TicketOpened
    | ReportJoined
    | TicketAssigned
    | TicketReturned
    | AssignmentAccepted
    | EngineerDeparted
    | EngineerArrived
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
    | TicketResolved
    | ClosureRequested
    | ClosureConfirmed
    | ClosureRejected
    | TicketReopened
    | SlaWarned
    | SlaBreached
    | TicketEscalated
)


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Recorded:
    """An event as it stands in the log: who, when, why known, and the event itself.

    `historic`: imported past, never pushed or alerted. `implied`: a step its source jumped over.
    `waived`: deliverables that the source's history cannot show. Times are aware and in UTC.
    """

    event_id: EventId
    ticket_id: TicketId
    version: int
    trace_id: TraceId
    occurred_at: datetime
    recorded_at: datetime
    source: str
    actor: str
    command_id: CommandId
    historic: bool
    implied: bool
    waived: tuple[str, ...]
    event: Event
