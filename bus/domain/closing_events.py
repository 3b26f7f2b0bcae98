"""Events from solved to closed, and back."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketResolved:
    """Solved in the handler's eyes, with photos, summary and root cause (R14)."""

    photos: Annotated[tuple[str, ...], Doc("URIs of all photos of the ticket, at most 50")]
    summary: fields.Summary
    root_cause: fields.RootCause
    knowledge: fields.Knowledge = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRequested:
    """The handler signed; the customer's contact is asked to (R20)."""

    note: fields.Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureConfirmed:
    """The customer's contact signed with the three ticks; the ticket is closed (R20)."""

    confirmed_by: fields.ConfirmedBy
    ticks: fields.Ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRejected:
    """The customer's contact did not sign; work goes on."""

    rejected_by: fields.RejectedBy
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened:
    """What was solved or closed is open again."""

    reason: fields.Reason
