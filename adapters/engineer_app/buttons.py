"""The app's buttons: what an engineer may tap in which state, and the command and body that a tap becomes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from bus.domain.closing_commands import ConfirmClosure, RequestClosure, Resolve, Tag
from bus.domain.commands import Accept, AddEvidence, Arrive, Command, Depart, Note, Pause, RequestParts, Resume, Start
from bus.domain.errors import MalformedInput
from bus.domain.naming import kebab, nearest
from bus.domain.terms import EvidenceKind, State
from bus.domain.transitions import legal_in
from bus.domain.work_order_commands import ApproveStep, RejectStep, SignStep, StartWorkOrder
from bus.domain.work_template import SAFETY


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """One button: its label in Chinese, the same in English, the command it sends, and what it fills in by itself."""

    label: str
    english: str
    command: type[Command]
    fills: Mapping[str, str] = field(default_factory=dict)


BUTTONS: Final = (
    Button(label="接单", english="accept", command=Accept),
    Button(label="出发", english="depart", command=Depart),
    Button(label="到达", english="arrive", command=Arrive),
    Button(label="开始处理", english="start", command=Start),
    Button(label="拍照", english="photo", command=AddEvidence, fills={"kind": EvidenceKind.PHOTO.value}),
    Button(label="领料", english="parts", command=RequestParts),
    Button(label="启动作业单", english="start work order", command=StartWorkOrder),
    Button(label="签核步骤", english="sign step", command=SignStep),
    Button(label="安全签核", english="safety sign-off", command=ApproveStep, fills={"level": SAFETY}),
    Button(label="退回步骤", english="reject step", command=RejectStep, fills={"level": SAFETY}),
    Button(label="挂起", english="pause", command=Pause),
    Button(label="恢复", english="resume", command=Resume),
    Button(label="解决", english="resolve", command=Resolve),
    Button(label="申请关闭", english="ask to close", command=RequestClosure),
    Button(label="验证码确认", english="confirm by code", command=ConfirmClosure),
    Button(label="场景标签", english="scene tags", command=Tag),
    Button(label="备注", english="note", command=Note),
)
# Every tap may say when it was made, which matters after hours without a network, and by whom.
_FIELDS_OF_ALL: Final = ("at", "actor")
_BY_LABEL: Final[Mapping[str, Button]] = {button.label: button for button in BUTTONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """A tap as it goes to `POST /v1/tickets/{id}/{name}`."""

    name: str
    body: Mapping[str, Any]


def offered(state: State) -> tuple[Button, ...]:
    """List the buttons that a ticket in that state takes, as the transition table has it."""
    legal = legal_in(state)
    return tuple(button for button in BUTTONS if button.command in legal)


def tap(label: str, values: Mapping[str, Any]) -> Tap:
    """Translate a tap. Raises MalformedInput for a button or a field that is none, with the nearest that is."""
    button = _BY_LABEL.get(label)
    if button is None:
        raise _unknown("unknown_button", "label", label, list(_BY_LABEL))
    names = [*(each.name for each in fields(button.command)), *_FIELDS_OF_ALL]
    for name in values:
        if name not in names:
            raise _unknown("unknown_field", name, name, names)
    return Tap(name=kebab(button.command), body={**button.fills, **values})


def _unknown(code: str, where: str, word: str, legal: list[str]) -> MalformedInput:
    close = nearest(word, legal)
    zh, en = (f",是不是“{close}”?", f"; did you mean {close!r}?") if close else ("", "")
    return MalformedInput(
        code, where, f"不认识“{word}”{zh}", f"unknown {word!r}{en} It takes {', '.join(legal)}.", nearest=close
    )
