"""The forms of a ticket's work order 作业单 (R48), made of what its steps ask now, and the body of a sign-off. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bus.domain.commands import Command
from bus.domain.text import Text
from bus.domain.work_order_commands import ApproveStep, CancelWorkOrder, RejectStep, SignStep, StartWorkOrder
from console.gateway_api import refusal
from console.ticket_forms import CHOOSE, WHY, CommandForm, FormField

DONE: Final[Mapping[type[Command], Text]] = {
    StartWorkOrder: Text("作业单已启动", "the work order has begun"),
    SignStep: Text("已签核", "signed off"),
    ApproveStep: Text("已批准", "approved"),
    RejectStep: Text("已退回,须重新签核", "sent back, to be signed anew"),
    CancelWorkOrder: Text("已撤销作业单", "it is cancelled"),
}
"""What is said after each command of an order."""
SAFETY: Final = Text("安全签核", "safety sign-off")
_PHOTOS: Final = Text("照片(本工单的凭证;还没有时填地址,如 oss://…)", "photos: this ticket's, or an address as oss://…")
_NOTE: Final = Text("备注(测量值超限时必填)", "note; needed where a value is out of its limits")
_NOT_A_NUMBER: Final = Text("请填一个数", "give a number")


def work_order_forms(
    answer: Mapping[str, Any], photos: Sequence[str], commands: Sequence[str], state: str, person: str
) -> list[CommandForm]:
    """Give the forms of what can be done with a ticket's order as it is, and is allowed to who is signed in.

    `person`: who that is; nobody is offered to approve what they signed.
    """
    order = answer["work_order"]
    if order is None:
        forms = [_starting(answer["templates"])] if answer["templates"] else []
    else:
        turn = [one for one in order["steps"] if one["turn"]] if state == "in_progress" else []
        awaiting = [one for one in order["steps"] if one["awaits"]] if state == "in_progress" else []
        awaiting = [one for one in awaiting if person not in {each["person"] for each in one["signatures"]}]
        forms = [
            *([_signing(turn, photos)] if turn else []),
            *(_approving(one) for one in awaiting),
            *(_rejecting(one) for one in awaiting),
            CommandForm(
                command=CancelWorkOrder,
                title=Text("撤销作业单", "cancel the work order"),
                fields=[WHY],
                done=DONE[CancelWorkOrder],
            ),
        ]
    return [one for one in forms if one.name in commands]


def signing_body(order: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the command of a filled sign-off: values of its step as numbers, photos as a list. Raises ApiProblem."""
    photos = body.get("photos", [])
    own = {one["key"] for step in order["steps"] for one in step["values"] if step["key"] == body.get("step")}
    for step in order["steps"] if body.get("step") else ():
        filled = body.get("values", {}).keys() - own
        if other := next((one for one in step["values"] if one["key"] in filled), None):
            zh, en = f"“{other['zh']}”属于步骤“{step['zh']}”", f"{other['en']!r} is measured in the step {step['en']!r}"
            text = Text(f"{zh}:请选它,或清空该值", f"{en}: choose it, or clear it")
            raise refusal(422, "other_step", text, field="step")
    values = [{"key": key, "value": _number(key, text)} for key, text in body.get("values", {}).items()]
    return {**body, "values": values, "photos": [photos] if isinstance(photos, str) else photos}


def level_text(level: str) -> Text:
    """Give a level of approval in words: that of safety, or a role by its own name."""
    return SAFETY if level == "safety" else Text(level, level)


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise refusal(422, "wrong_type", _NOT_A_NUMBER, field=f"values.{key}") from None


def _starting(templates: Iterable[Mapping[str, Any]]) -> CommandForm:
    choices = {one["key"]: Text(one["zh"], one["en"]) for one in templates}
    return CommandForm(
        command=StartWorkOrder,
        title=Text("启动作业单", "start a work order"),
        fields=[
            FormField(name="template", label=Text("模板", "template"), choices={"": CHOOSE, **choices}),
            FormField(name="reason", label=Text("说明(可空)", "why, if it is to be said")),
        ],
        done=DONE[StartWorkOrder],
    )


def _signing(steps: Sequence[Mapping[str, Any]], photos: Sequence[str]) -> CommandForm:
    values = {one["key"]: one for step in steps for one in step["values"]}
    pictures = (
        FormField(
            name="photos",
            label=_PHOTOS,
            choices={uri: Text(f"照片 {n}", f"photo {n}") for n, uri in enumerate(photos, start=1)},
            many=True,
        )
        if photos
        else FormField(name="photos", label=_PHOTOS)
    )
    return CommandForm(
        command=SignStep,
        title=Text("签核步骤", "sign a step off"),
        fields=[
            _step_field(steps, chosen=len(steps) == 1),
            *(FormField(name=f"values.{key}", label=_measured(one)) for key, one in values.items()),
            pictures,
            FormField(name="note", label=_NOTE, long=True),
        ],
        done=DONE[SignStep],
    )


def _measured(one: Mapping[str, Any]) -> Text:
    low, high = one["low"], one["high"]
    limits = [*([f"≥ {low:g}"] if low is not None else []), *([f"≤ {high:g}"] if high is not None else [])]
    about = " ".join([one["unit"], *limits]).strip()
    return Text(f"{one['zh']}({about})", f"{one['en']} ({about})") if about else Text(one["zh"], one["en"])


def _approving(step: Mapping[str, Any]) -> CommandForm:
    return CommandForm(
        command=ApproveStep,
        title=Text("批准步骤", "approve a step"),
        fields=[
            _step_field([step]),
            _level_field(step),
            FormField(name="reason", label=Text("说明(可空)", "why, if it is to be said")),
        ],
        done=DONE[ApproveStep],
    )


def _rejecting(step: Mapping[str, Any]) -> CommandForm:
    return CommandForm(
        command=RejectStep,
        title=Text("退回步骤", "send a step back"),
        fields=[_step_field([step]), _level_field(step), WHY],
        done=DONE[RejectStep],
    )


def _step_field(steps: Iterable[Mapping[str, Any]], *, chosen: bool = True) -> FormField:
    choices = {**({} if chosen else {"": CHOOSE}), **{one["key"]: Text(one["zh"], one["en"]) for one in steps}}
    return FormField(name="step", label=Text("步骤", "step"), choices=choices)


def _level_field(step: Mapping[str, Any]) -> FormField:
    level = step["awaits"][0]
    return FormField(name="level", label=Text("作为", "as"), choices={level: level_text(level)})
