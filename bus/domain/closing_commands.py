"""Commands from solved to closed, and back."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Declare the problem solved; photos given here are added to those already in evidence."""

    summary: fields.Summary = ""
    root_cause: fields.RootCause = ""
    photos: Annotated[tuple[str, ...], Doc("URIs of photos, beside those already in evidence; at most 50 in all")] = ()
    knowledge: fields.Knowledge = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClosure:
    """Ask the customer's contact to confirm."""

    note: fields.Remark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmClosure:
    """Confirm on the customer's behalf, with the three ticks; who works on the ticket needs their code."""

    confirmed_by: fields.ConfirmedBy = ""
    ticks: fields.Ticks = ()
    code: fields.ClosureCode = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectClosure:
    """Decline on the customer's behalf."""

    rejected_by: fields.RejectedBy = ""
    reason: fields.Reason = ""
    reason_code: fields.RejectionCode = ""
    code: fields.ClosureCode = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClosureCode:
    """Have the code sent to the customer's contact once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """Say in which scenes the ticket arose; replaces the tags that it has."""

    tags: fields.SceneTags = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """Open again what was solved or closed."""

    reason: fields.Reason = ""
