"""Events from solved to closed, and back."""

from dataclasses import dataclass
from datetime import datetime
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
    remind_at: fields.ReminderTimes = ()
    expires_at: Annotated[
        datetime | None, Doc("when the request expires unanswered, UTC; null: never, as of an imported past")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureReminded:
    """The customer's contact has not answered and is asked once more."""

    number: Annotated[int, Doc("which reminder of this request it is, from 1")]
    remind_at: fields.ReminderTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureExpired:
    """The customer's contact has not answered in time: nothing is confirmed, the ticket stays 已解决."""

    requested_version: Annotated[int, Doc("the version of the ClosureRequested that expired")]
    expired_at: Annotated[datetime, Doc("when it expired, UTC")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureCodeRefused:
    """Somebody gave a wrong code: nothing is confirmed, nor declined."""

    left: Annotated[int, Doc("how often a code of this request may still be tried")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureCodeAsked:
    """The code is to be sent to the customer's contact once more."""

    number: Annotated[int, Doc("which such wish of this request it is, from 1")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureConfirmed:
    """The customer's contact signed with the three ticks; the ticket is closed (R20)."""

    confirmed_by: fields.ConfirmedBy
    ticks: fields.Ticks
    via: fields.ConfirmedVia = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRejected:
    """The customer's contact did not sign; work goes on."""

    rejected_by: fields.RejectedBy
    reason: fields.Reason
    reason_code: fields.RejectionCode = ""
    via: fields.ConfirmedVia = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTagged:
    """The ticket has other scene tags (R23)."""

    tags: fields.SceneTags
    previous: Annotated[tuple[str, ...], Doc("those that it had until now")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened:
    """What was solved or closed is open again."""

    reason: fields.Reason
