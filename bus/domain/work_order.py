"""How far the work order 作业单 of a ticket has come (R48): a fold of its events. Pure.

The template stays in its event, `WorkOrderStarted`: a state has the keys of the steps alone.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bus.domain.closing_events import ClosureRejected, TicketReopened
from bus.domain.terms import Term
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)

if TYPE_CHECKING:
    from bus.domain.events import Recorded

CHANGES = WorkOrderStarted | StepSignedOff | StepApproved | StepRejected | WorkOrderCancelled
REOPENED = ClosureRejected | TicketReopened


class StepStatus(Term):
    """How far a step has come."""

    OPEN = "open", "未签核"
    AWAITING = "awaiting", "待批准"
    DONE = "done", "已完成"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """A step: who signed it and approved it, in this order, and the levels that are awaited."""

    key: str
    optional: bool
    people: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()

    @property
    def status(self) -> StepStatus:
        """Say how far it has come."""
        if not self.people:
            return StepStatus.OPEN
        return StepStatus.AWAITING if self.awaits else StepStatus.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """The work order of a ticket; `started_in` is the version of the event that has its template."""

    template: str
    version: str
    started_in: int
    steps: tuple[StepState, ...]


def next_steps(order: WorkOrder) -> tuple[str, ...]:
    """Name the steps that may be signed now: the next mandatory one, and optional ones before it."""
    begun = [number for number, one in enumerate(order.steps) if one.status is not StepStatus.OPEN]
    if any(one.status is StepStatus.AWAITING for one in order.steps):
        return ()
    rest = order.steps[begun[-1] + 1 if begun else 0 :]
    last = next((number for number, one in enumerate(rest) if not one.optional), len(rest))
    return tuple(one.key for one in rest[: last + 1])


def unfinished(order: WorkOrder) -> StepState | None:
    """Give the step that keeps the order from its end: not approved yet, or the first mandatory one that is open."""
    awaiting = next((one for one in order.steps if one.status is StepStatus.AWAITING), None)
    return awaiting or next((one for one in order.steps if not (one.optional or one.people)), None)


def progressed(order: WorkOrder | None, recorded: "Recorded") -> WorkOrder | None:
    """Fold one event. Of a ticket that is taken up again all steps are open: the first repair proves nothing."""
    event = recorded.event
    if isinstance(event, WorkOrderStarted):
        steps = tuple(StepState(key=one.key, optional=one.optional) for one in event.template.steps)
        return WorkOrder(
            template=event.template.key, version=event.template.version, started_in=recorded.version, steps=steps
        )
    if order is None or isinstance(event, WorkOrderCancelled):
        return None
    return replace(order, steps=tuple(_changed(one, recorded) for one in order.steps))


def _changed(step: StepState, recorded: "Recorded") -> StepState:
    match recorded.event:
        case StepSignedOff(step=key, awaits=awaits) if key == step.key:
            return replace(step, people=(recorded.actor,), awaits=awaits)
        case StepApproved(step=key) if key == step.key:
            return replace(step, people=(*step.people, recorded.actor), awaits=step.awaits[1:])
        case StepRejected(step=key) if key == step.key:
            return replace(step, people=(), awaits=())
        case ClosureRejected() | TicketReopened():
            return replace(step, people=(), awaits=())
        case _:
            return step
