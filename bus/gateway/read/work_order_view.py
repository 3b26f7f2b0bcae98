"""How far a work order has come, step by step, with who signed: for HTTP and the command line (R48). Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bus.domain.closing_events import ClosureRejected, TicketReopened
from bus.domain.events import Recorded
from bus.domain.work_order import CHANGES, REOPENED, WorkOrder, next_steps, progressed, unfinished
from bus.domain.work_order_events import StepApproved, StepRejected, StepSignedOff, WorkOrderStarted
from bus.domain.work_template import WorkOrderTemplate, WorkStep
from bus.gateway.http.work_order_answers import (
    MeasuredAnswer,
    SignatureAnswer,
    StepAnswer,
    TemplateAnswer,
    WorkOrderView,
)

HANDLER = "handler"


def work_order_view(events: Iterable[Recorded]) -> WorkOrderView | None:
    """Show the order that a ticket has after these events, which begin with its start or before it."""
    order: WorkOrder | None = None
    started: Recorded | None = None
    courses = defaultdict[str, list[Recorded]](list)
    for recorded in events:
        if isinstance(recorded.event, CHANGES | REOPENED):
            order = progressed(order, recorded)
        match recorded.event:
            case WorkOrderStarted():
                started = recorded
                courses.clear()
            case ClosureRejected() | TicketReopened():  # who signed for an earlier repair says nothing of this one
                courses.clear()
            case StepSignedOff(step=key) | StepApproved(step=key) | StepRejected(step=key):
                courses[key].append(recorded)
            case _:
                pass
    if order is None or started is None or not isinstance(started.event, WorkOrderStarted):
        return None
    template = started.event.template
    return {
        "template": template.key,
        "version": template.version,
        "zh": template.zh,
        "en": template.en,
        "started_at": started.occurred_at,
        "started_by": started.actor,
        "finished": unfinished(order) is None,
        "steps": [_step(order, one, courses[one.key]) for one in template.steps],
    }


def fitting(templates: Mapping[str, WorkOrderTemplate], ticket_type: str) -> list[TemplateAnswer]:
    """Name the templates that an order of a ticket of this type may start from."""
    return [
        {"key": one.key, "version": one.version, "zh": one.zh, "en": one.en, "required": one.required}
        for one in templates.values()
        if one.fits(ticket_type)
    ]


def work_order_lines(view: WorkOrderView) -> Iterator[str]:
    """Say the same for a terminal, a line a step and a line a signature."""
    end = "已完成 finished" if view["finished"] else "未完成 not finished"
    yield f"{view['template']} {view['zh']} / {view['en']}, 版本 version {view['version']}: {end}"
    for number, step in enumerate(view["steps"], start=1):
        awaits = f" {' → '.join(step['awaits'])}" if step["awaits"] else ""
        turn = " ←" if step["turn"] else ""
        about = f"{number:>2}. {step['key']} {step['zh']} / {step['en']}"
        yield f"  {about}: {step['status_zh']} {step['status']}{awaits}{turn}"
        for one in step["values"]:
            if one["value"] is not None:
                yield f"      {one['key']} = {one['value']:g} {one['unit']}".rstrip()
        for each in step["signatures"]:
            mark = "✗" if each["rejected"] else "✓"
            yield f"      {mark} {each['level']} {each['person']} {each['at']:%Y-%m-%d %H:%M} {each['reason']}".rstrip()


def _step(order: WorkOrder, step: WorkStep, course: Sequence[Recorded]) -> StepAnswer:
    state = next(one for one in order.steps if one.key == step.key)
    last = next((one.event for one in reversed(course) if isinstance(one.event, StepSignedOff)), None)
    signed = last if state.people else None  # not of a step that was sent back
    measured = {one.key: one.value for one in signed.values} if signed else {}
    values: list[MeasuredAnswer] = [
        {
            "key": one.key,
            "zh": one.zh,
            "en": one.en,
            "unit": one.unit,
            "low": one.low,
            "high": one.high,
            "beyond": one.beyond,
            "value": measured.get(one.key),
        }
        for one in step.values
    ]
    return {
        "key": step.key,
        "zh": step.zh,
        "en": step.en,
        "status": state.status.value,
        "status_zh": state.status.zh,
        "turn": step.key in next_steps(order),
        "optional": step.optional,
        "photos_min": step.photos,
        "photos": signed.photos if signed else (),
        "values": values,
        "safety": step.safety,
        "approvals": step.approvals,
        "awaits": state.awaits,
        "signatures": [_signature(one) for one in course],
    }


def _signature(recorded: Recorded) -> SignatureAnswer:
    event = recorded.event
    approval = event if isinstance(event, StepApproved | StepRejected) else None
    return {
        "level": approval.level if approval else HANDLER,
        "person": recorded.actor,
        "at": recorded.occurred_at,
        "version": recorded.version,
        "rejected": isinstance(event, StepRejected),
        "reason": approval.reason if approval else "",
    }
