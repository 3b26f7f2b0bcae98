"""Commands on a ticket: one frozen class each, and the request that carries one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, get_args

from typing_extensions import Doc

from bus.domain import fields
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
from bus.domain.customer_link_commands import RevokeCustomerLink
from bus.domain.engineer_link_commands import RevokeEngineerLink
from bus.domain.inside_commands import InsideCommand
from bus.domain.scope import Scope
from bus.domain.terms import CommandId, Substate, TicketId, TraceId
from bus.domain.values import PLAIN_TRACE, Assignee, CallerTrace, Customer
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    """Report an incident: opens a ticket or joins the one that is already there."""

    incident_key: fields.IncidentKey
    title: fields.Title
    type: fields.Type
    region: fields.Region = ""
    source_no: fields.SourceNo = ""
    description: fields.Description = ""
    skills: fields.Skills = ()
    priority: fields.Priority = ""
    serial: Annotated[str, Doc("the device's serial number; empty: not known, or the incident key")] = ""
    customer: fields.Customer = Customer()
    opened_at: Annotated[
        datetime | None, Doc("when it was reported at the source, UTC; null: the command's own time")
    ] = None
    product: fields.Product = ""
    batch: fields.Batch = ""
    customer_ref: fields.CustomerRef = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Make a person responsible."""

    assignee: Annotated[Assignee, Doc("who is to be responsible")]
    reason: fields.Reason = ""
    handler: Annotated[
        str | None,
        Doc("who had the ticket when its sender looked, empty: nobody; refused if another has it now; null: not asked"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Give the ticket back to the queue."""

    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Claim the assignment."""

    note: fields.Remark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depart:
    """Set out for the customer."""

    expected_at: fields.ExpectedAt = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrive:
    """Be on site."""

    place: fields.Place = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start work, or go on in another substate."""

    substate: Annotated[Substate | None, Doc("what is done now; null: imported past only")] = Substate.REMOTE_DIAGNOSIS
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait for somebody else."""

    waiting_for: fields.WaitingFor
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Stop waiting."""

    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestParts:
    """Ask for spare parts; the ticket waits for them."""

    parts: fields.PartsWanted
    request_no: Annotated[str, Doc("a number for this request; empty: the bus takes the command's id")] = ""
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueParts:
    """Report that parts were issued."""

    document_no: fields.DocumentNo
    parts: fields.PartsGiven
    request_no: fields.PartsRequestNo = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseParts:
    """Report that parts cannot be issued."""

    reason: fields.Reason
    request_no: fields.PartsRequestNo = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEvidence:
    """Attach a proof by reference."""

    kind: fields.EvidenceKind
    uri: fields.Uri
    sha256: fields.Sha256 = ""
    caption: fields.Caption = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Remark something."""

    text: fields.Text = ""
    changed: fields.Changed = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskProgress:
    """The customer asks how it goes."""

    asked_by: fields.AskedBy = ""
    text: fields.Question = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclassify:
    """Change type, priority or region; the promises follow, pauses and what was spent stay."""

    type: Annotated[str, Doc("the ticket type from now on, a name of the SLA file; empty: as it was")] = ""
    priority: Annotated[str, Doc("the urgency from now on, in the word of who asks; empty: as it was")] = ""
    region: Annotated[str, Doc("the region from now on; empty: as it was")] = ""
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Put the ticket on a role's board."""

    to: fields.Board = ""
    reason: fields.Reason = ""


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
    | AddCollaborator
    | RemoveCollaborator
    | RequestParts
    | IssueParts
    | RefuseParts
    | AddEvidence
    | Note
    | AskProgress
    | RevokeCustomerLink
    | RevokeEngineerLink
    | Resolve
    | RequestClosure
    | AskClosureCode
    | ConfirmClosure
    | RejectClosure
    | Tag
    | Reopen
    | Reclassify
    | Escalate
    | StartWorkOrder
    | SignStep
    | ApproveStep
    | RejectStep
    | CancelWorkOrder
    | InsideCommand
)

# What the bus's own programs ask, and nobody from outside.
INSIDE: tuple[type[Command], ...] = get_args(InsideCommand)
OUTSIDE: tuple[type[Command], ...] = tuple(cls for cls in get_args(Command) if cls not in INSIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command to be decided: idempotent by `command_id`, addressed by ticket number or by the source's own.

    `at` is when it happened at the source, `received_at` when the bus took it; both aware, UTC.
    `fingerprint` tells a repeat from another body under the same id. `historic`, `implied`, `waives`: see Recorded.
    `scope`: the tickets that the sender reaches, None for every one. `ignored`: the paths of what nobody here reads.
    `key_field`: what the sender repeats it under. `sent_in`: the path of the command's fields in what was sent, and
    `sent_at` that of `at`; empty where they are named as here. `caller_trace`: what came beside the trace's id.
    `map_version`: of the source's map that made it, from 1; None where none did. `automatic`: a system asks by itself.
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
    ignored: tuple[str, ...] = ()
    key_field: str = "delivery_id"
    sent_in: str = ""
    sent_at: str = ""
    caller_trace: CallerTrace = PLAIN_TRACE
    map_version: int | None = None
    automatic: bool = False
