"""A ticket's state: what the fold of its events knows."""

from dataclasses import dataclass
from datetime import datetime

from bus.domain import fields, terms
from bus.domain.closure_rules import PendingClosure
from bus.domain.routed import NOT_ROUTED, Routing
from bus.domain.sla_clock import Clock
from bus.domain.terms import ClockName, State, Substate, TicketId, TraceId, WaitingFor
from bus.domain.ticket_steps import StepClock
from bus.domain.values import Assignee, Collaborator, Customer, IncidentKey, StepDeadline
from bus.domain.waits import Waits
from bus.domain.work_order import WorkOrder

NOBODY = Assignee()
NO_WAITS = Waits()


@dataclass(frozen=True, kw_only=True)  # no slots: bus.domain.fast_replace
class Ticket:
    """The fold of a ticket's events, up to `version`. Times are aware and in UTC.

    Creator, assigner, assignee, `last_at` and `last_action` are the responsibility snapshot 责任链快照 (R8); the last
    two tell of people and systems, never of the bus's own clocks. `handed_over_at`: when it last came to whom it is
    with, `working_since`: when work on it last began, by their senders' times; None in a state of an earlier version.
    `state_since`: by the ticket's own time. `missed_claims`: how often in a row it went on from who had not claimed it.
    `closure`: the request that waits for the customer; None in an earlier version's state, too. `closure_expired_at`:
    when one expired that no other has followed.
    `answering`: who had the work in hand, until whom it was handed to accepts it; empty: the assignee answers.
    `acted_at`: as `last_at`, but what a customer asks or reports does not move it; None in an earlier version's state.
    `priority`: in the word of who asked last; empty in an earlier version's state, too.
    `link_number`: how often links to the customer's page were revoked, `engineer_link_number` to the engineer's.
    `escalated_to`: the role on whose board it is until somebody is assigned or it is resolved; empty: nobody's.
    `asked_at`: when the customer last asked how it goes. `visit_at`: when whoever is on the way expects to be on site.
    """

    ticket_id: TicketId
    version: int
    trace_id: TraceId
    historic: bool
    source: str
    source_no: str
    incident_key: IncidentKey
    title: str
    type: str
    region: str
    serial: str
    customer: Customer
    opened_at: datetime
    creator: str
    last_at: datetime
    last_action: str
    response: Clock
    resolution: Clock
    state: State = State.PENDING
    substate: Substate | None = None
    paused_for: WaitingFor | None = None
    assignee: Assignee = NOBODY
    assigner: str = ""
    accepted_at: datetime | None = None
    photos: tuple[str, ...] = ()
    closure_requested: bool = False
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    root_cause: str = ""
    summary: str = ""
    reports: int = 1
    assignments: int = 0
    reassignments: int = 0
    pauses: int = 0
    reopens: int = 0
    asked: int = 0
    personal_erased: bool = False
    handed_over_at: datetime | None = None
    working_since: datetime | None = None
    skills: tuple[str, ...] = ()
    routing: Routing = NOT_ROUTED
    state_since: datetime | None = None
    missed_claims: int = 0
    product: str = ""
    batch: str = ""
    customer_ref: fields.CustomerRef = ""
    closure: PendingClosure | None = None
    closure_expired_at: datetime | None = None
    work_order: WorkOrder | None = None
    tags: tuple[str, ...] = ()
    step_deadlines: tuple[StepDeadline, ...] = ()
    step: StepClock | None = None
    waits: Waits = NO_WAITS
    collaborators: tuple[Collaborator, ...] = ()
    answering: str = ""
    acted_at: datetime | None = None
    priority: str = ""
    link_number: int = 0
    engineer_link_number: int = 0
    asked_at: datetime | None = None
    visit_at: datetime | None = None
    escalated_to: str = ""


def has_deadlines(ticket: Ticket) -> bool:
    """Say whether its clocks warn and break: not those of the imported past, nor of a virtual ticket."""
    return not (ticket.historic or terms.is_synthetic(ticket.ticket_id))


def runs(ticket: Ticket, name: ClockName) -> bool:
    """Say whether a clock runs as far as has been said: not in a pause, as long as it is not beyond its allowance."""
    paused = name is ClockName.RESOLUTION and ticket.paused_for is not None and not ticket.waits.overrun
    return clock_of(ticket, name).running_since is not None and not paused


def clock_of(ticket: Ticket, name: ClockName) -> Clock:
    """Give the clock of that name."""
    return ticket.response if name is ClockName.FIRST_RESPONSE else ticket.resolution
