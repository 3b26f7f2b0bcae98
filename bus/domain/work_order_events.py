"""Events of the work order 作业单 of a ticket (R48). Who signed or approved is the `actor` of the event."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from bus.domain import fields, work_template


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderStarted:
    """The ticket has a work order: the whole template, so that a later version of it changes nothing here."""

    template: Annotated[work_template.WorkOrderTemplate, Doc("the template as it was then")]
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSignedOff:
    """The handler signed a step off; the next may begin once nobody's approval is awaited."""

    step: fields.StepKey
    values: fields.MeasuredValues
    photos: fields.StepPhotos
    note: fields.Remark
    awaits: Annotated[
        tuple[str, ...], Doc("the levels whose approval it needs, in order: `safety`, then roles; empty: it is done")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepApproved:
    """Somebody else than the signer approved a step at one level."""

    step: fields.StepKey
    level: fields.ApprovalLevel
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRejected:
    """An approver sent a step back: it is open again."""

    step: fields.StepKey
    level: fields.ApprovalLevel
    reason: fields.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderCancelled:
    """The ticket has no work order any more."""

    template: Annotated[str, Doc("the key of the template that it followed")]
    reason: fields.Reason
