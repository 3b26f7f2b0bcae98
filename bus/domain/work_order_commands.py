"""Commands on the work order 作业单 of a ticket (R48)."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWorkOrder:
    """Give the ticket the steps of a template, in the version that the template has now."""

    template: Annotated[str, Doc("the key of the template, as `ticketbus work-order templates` lists it")] = ""
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignStep:
    """Sign a step off, as the ticket's handler or who stands in, with what the step asks."""

    step: fields.StepKey = ""
    values: fields.MeasuredValues = ()
    photos: fields.StepPhotos = ()
    note: fields.Remark = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveStep:
    """Approve a step that is signed off, at the level that it waits for."""

    step: fields.StepKey = ""
    level: fields.ApprovalLevel = ""
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectStep:
    """Send a step that waits for approval back: it is signed anew."""

    step: fields.StepKey = ""
    level: fields.ApprovalLevel = ""
    reason: fields.Reason = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWorkOrder:
    """Take the work order off the ticket, finished or not: another one may be started."""

    reason: fields.Reason = ""
