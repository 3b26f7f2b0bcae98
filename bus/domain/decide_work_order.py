"""What happens to the work order 作业单 of a ticket: steps in order, none skipped, none signed twice (R48). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import assert_never

from bus.domain import refusals, work_order_refusals
from bus.domain.commands import Request
from bus.domain.events import Event
from bus.domain.preconditions import check_photos
from bus.domain.rules import Rules
from bus.domain.text import Text, is_blank
from bus.domain.ticket import Ticket
from bus.domain.work_order import StepState, StepStatus, WorkOrder, next_steps, unfinished
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder
from bus.domain.work_order_events import (
    StepApproved,
    StepRejected,
    StepSignedOff,
    WorkOrderCancelled,
    WorkOrderStarted,
)
from bus.domain.work_template import SAFETY, ValueLimits, WorkOrderTemplate, WorkStep

WorkOrderCommand = StartWorkOrder | SignStep | ApproveStep | RejectStep | CancelWorkOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderFacts:
    """What deciding needs beside the state: the template that the order follows, and the role of people by name."""

    template: WorkOrderTemplate | None = None
    roles: Mapping[str, str] = field(default_factory=dict)


NO_FACTS = WorkOrderFacts()


def decide_work_order(
    request: Request, command: WorkOrderCommand, ticket: Ticket, rules: Rules, facts: WorkOrderFacts
) -> tuple[Event, ...]:
    """Answer a command on the work order, or CommandRefused."""
    if isinstance(command, StartWorkOrder):
        return (_started(command, ticket, rules),)
    order = ticket.work_order
    if order is None:
        raise refusals.missing("work_order", Text("先启动作业单", "start a work order first (start-work-order)"))
    match command:
        case SignStep(step=key, values=values, photos=photos, note=note):
            step = _step(order, key, facts)
            if not request.historic and request.actor not in (ticket.assignee.person, ticket.assignee.backup_person):
                raise work_order_refusals.not_the_handler(request.actor, ticket.assignee.person)
            _check_turn(order, step, facts)
            _check_photos(command, step, ticket)
            beyond = _roles_beyond(command, step)
            awaits = (*([SAFETY] if step.safety else []), *step.approvals, *beyond)
            signed = StepSignedOff(
                step=key, values=values, photos=photos, note=note, awaits=tuple(dict.fromkeys(awaits))
            )
            return (signed,)
        case ApproveStep(step=key, level=level, reason=reason):
            _check_approver(request, ticket, _step(order, key, facts), level, facts)
            return (StepApproved(step=key, level=level, reason=reason),)
        case RejectStep(step=key, level=level, reason=reason):
            _check_approver(request, ticket, _step(order, key, facts), level, facts)
            return (StepRejected(step=key, level=level, reason=reason),)
        case CancelWorkOrder(reason=reason):
            return (WorkOrderCancelled(template=order.template, reason=reason),)
        case _ as unknown:
            assert_never(unknown)


def check_finished(request: Request, ticket: Ticket, rules: Rules, facts: WorkOrderFacts) -> None:
    """Refuse to resolve a ticket whose work order has a step open, or that lacks one. An imported past may."""
    if request.historic:
        return
    order = ticket.work_order
    asked = next((one for one in rules.work_orders.values() if one.required and ticket.type in one.types), None)
    if asked and (order is None or order.template != asked.key):
        raise work_order_refusals.order_required(asked, order.template if order else "")
    if order and (step := unfinished(order)):
        raise work_order_refusals.step_open(_step(order, step.key, facts), step.status)


def _started(command: StartWorkOrder, ticket: Ticket, rules: Rules) -> WorkOrderStarted:
    if ticket.work_order:
        name = ticket.work_order.template
        raise refusals.already("work_order", f"该工单已有作业单 {name}", f"the ticket has the work order {name}")
    template = rules.work_orders.get(command.template)
    if template is None:
        raise refusals.unknown_word("template", command.template, rules.work_orders)
    if not template.fits(ticket.type):
        raise work_order_refusals.another_type(template, ticket.type)
    return WorkOrderStarted(template=template, reason=command.reason)


def _step(order: WorkOrder, key: str, facts: WorkOrderFacts) -> WorkStep:
    if facts.template is None or facts.template.key != order.template:
        raise work_order_refusals.template_unreadable(order.template)
    step = next((one for one in facts.template.steps if one.key == key), None)
    if step is None:
        raise refusals.unknown_word("step", key, [one.key for one in order.steps])
    return step


def _state(order: WorkOrder, step: WorkStep) -> StepState:
    return next(one for one in order.steps if one.key == step.key)


def _check_turn(order: WorkOrder, step: WorkStep, facts: WorkOrderFacts) -> None:
    """Refuse a step that is signed, and one before which another one is not done."""
    if _state(order, step).status is not StepStatus.OPEN:
        raise refusals.already("step", f"步骤“{step.zh}”({step.key})已签核", f"the step {step.key} is signed already")
    turn = next_steps(order)
    if step.key not in turn:
        waiting = unfinished(order)
        raise work_order_refusals.not_its_turn(step, turn, _step(order, waiting.key, facts) if waiting else None)


def _check_photos(command: SignStep, step: WorkStep, ticket: Ticket) -> None:
    photos = {one for one in command.photos if not is_blank(one)}
    if len(photos) < step.photos:
        raise refusals.missing(
            "photos", Text(f"步骤“{step.zh}”至少 {step.photos} 张照片", f"{step.key} needs {step.photos} photos")
        )
    check_photos(tuple(dict.fromkeys((*ticket.photos, *command.photos))), ticket.photos, field="photos")


def _roles_beyond(command: SignStep, step: WorkStep) -> list[str]:
    """Give the roles that have to approve values out of their limits. Raises CommandRefused."""
    asked = {one.key: one for one in step.values}
    given = dict[str, float]()
    for one in command.values:
        if one.key not in asked:
            raise refusals.unknown_word("values.key", one.key, asked)
        if one.key in given or not isfinite(one.value):
            raise refusals.out_of_range(
                f"values.{one.key}", f"“{one.key}”须为一个数,且只给一次", f"{one.key} is one number, given once"
            )
        given[one.key] = one.value
    for key, limits in asked.items():
        if key not in given:
            raise refusals.missing(f"values.{key}", Text(f"测量{limits.zh}", f"measure {limits.en}"))
    beyond = [limits for key, limits in asked.items() if not _within(given[key], limits)]
    for limits in beyond:
        if not limits.beyond:
            raise work_order_refusals.out_of_limits(limits, given[limits.key])
    if beyond and is_blank(command.note):
        raise refusals.missing("note", Text("测量值超限,请说明原因", "say why a value is out of its limits"))
    return [one.beyond for one in beyond]


def _within(value: float, limits: ValueLimits) -> bool:
    return (limits.low is None or value >= limits.low) and (limits.high is None or value <= limits.high)


def _check_approver(request: Request, ticket: Ticket, step: WorkStep, level: str, facts: WorkOrderFacts) -> None:
    """Hold an approval, or its refusal, against who may give it: another person, of the role that is awaited."""
    assert ticket.work_order
    state = _state(ticket.work_order, step)
    if state.status is StepStatus.OPEN:
        raise refusals.missing("step", Text(f"先签核步骤“{step.zh}”", f"{step.key} is not signed yet"))
    if state.status is StepStatus.DONE:
        raise refusals.already("step", f"步骤“{step.zh}”已批准", f"the step {step.key} is approved already")
    if level != state.awaits[0]:
        raise work_order_refusals.another_level(step, state.awaits[0], level)
    if request.historic:
        return
    if request.actor in state.people:
        raise work_order_refusals.same_person(step, request.actor)
    known = facts.roles.get(request.actor, "")
    people = (ticket.assignee.person, ticket.assignee.backup_person)
    if not (known or request.actor in people if level == SAFETY else known == level):
        raise work_order_refusals.not_of_role(level, request.actor)
