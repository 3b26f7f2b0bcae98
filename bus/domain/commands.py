"""Commands on a ticket: one frozen class each, and the request that carries one."""

from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from bus.domain.scope import Scope
from bus.domain.terms import ClockName, CommandId, EvidenceKind, Substate, Tick, TicketId, TraceId, WaitingFor
from bus.domain.values import Assignee, Customer, IncidentKey, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """Report an incident: opens a ticket or joins the one that is already there."""

    incident_key: IncidentKey
    title: str
    type: str
    region: str = ""
    source_no: str = ""
    description: str = ""
    skills: tuple[str, ...] = ()
    priority: str = ""
    serial: str = ""
    customer: Customer = Customer()
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Make a person responsible."""

    assignee: Assignee
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Give the ticket back to the queue."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Claim the assignment."""

    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depart:
    """Set out for the customer."""

    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrive:
    """Be on site."""

    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start work, or go on in another substate."""

    substate: Substate | None = Substate.REMOTE_DIAGNOSIS
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait for somebody else."""

    waiting_for: WaitingFor
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Stop waiting."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestParts:
    """Ask for spare parts; the ticket waits for them."""

    parts: tuple[Part, ...]
    request_no: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueParts:
    """Report that parts were issued."""

    document_no: str
    parts: tuple[Part, ...]
    request_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseParts:
    """Report that parts cannot be issued."""

    reason: str
    request_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEvidence:
    """Attach a proof by reference."""

    kind: EvidenceKind
    uri: str
    sha256: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Remark something."""

    text: str = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProgress:
    """The customer asks how it goes."""

    asked_by: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Declare the problem solved; photos given here are added to those already in evidence."""

    summary: str = ""
    root_cause: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClosure:
    """Ask the customer's contact to confirm."""

    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmClosure:
    """Confirm on the customer's behalf, with the three ticks."""

    confirmed_by: str = ""
    ticks: tuple[Tick, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectClosure:
    """Decline on the customer's behalf."""

    rejected_by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """Open again what was solved or closed."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Put the ticket on a role's board."""

    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarnSla:
    """Say that 80 % of a promise is spent; the bus's own timer asks this."""

    clock: ClockName


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachSla:
    """Say that a promise was broken; the bus's own timer asks this."""

    clock: ClockName


Command = (
    OpenTicket
    | Assign
    | Return
    | Accept
    | Depart
    | Arrive
    | Start
    | Pause
    | Resume
    | RequestParts
    | IssueParts
    | RefuseParts
    | AddEvidence
    | Note
    | AskProgress
    | Resolve
    | RequestClosure
    | ConfirmClosure
    | RejectClosure
    | Reopen
    | Escalate
    | WarnSla
    | BreachSla
)

# What may be asked from outside; the bus's own timer asks the other two.
OUTSIDE: tuple[type[Command], ...] = tuple(cls for cls in get_args(Command) if cls not in (WarnSla, BreachSla))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command to be decided: idempotent by `command_id`, addressed by ticket number or by the source's own.

    `at` is when it happened at the source, `received_at` when the bus took it; both aware, UTC.
    `fingerprint` tells a repeat from another body under the same id. `historic`, `implied`, `waives`: see Recorded.
    `scope`: the tickets that the sender reaches, None for every one.
    """

    command_id: CommandId
    command: Command
    source: str
    actor: str
    at: datetime
    received_at: datetime
    trace_id: TraceId
    fingerprint: str
    ticket_id: TicketId | None = None
    source_no: str = ""
    historic: bool = False
    implied: bool = False
    waives: tuple[str, ...] = ()
    scope: Scope | None = None
