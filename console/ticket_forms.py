"""What people do with a ticket on its page: a form per command, and the body that a filled one asks for. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from bus.domain.closing_commands import AskClosureCode, ConfirmClosure, RejectClosure, Reopen, RequestClosure, Tag
from bus.domain.collaborator_commands import AddCollaborator, RemoveCollaborator
from bus.domain.commands import (
    Accept,
    AskProgress,
    Assign,
    Command,
    Escalate,
    Note,
    Pause,
    Reclassify,
    Resume,
    Return,
)
from bus.domain.naming import kebab
from bus.domain.terms import State, Tick, WaitingFor, words
from bus.domain.text import Text
from bus.domain.transitions import legal_in
from console.gateway_api import ApiProblem
from console.page import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """A field by its name in the command, dotted into records; of a choice the words, by value; `many`: several.

    `offers`: the list of the page whose entries it offers, beside what is typed. `one_of`: that whose entries are all
    that there are, unless it has none; ticket types the pages know by themselves.
    """

    name: str
    label: Text
    choices: Mapping[str, Text] = field(default_factory=dict)
    many: bool = False
    long: bool = False
    offers: Literal["", "people"] = ""
    one_of: Literal["", "roles", "tags", "rejections", "types"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandForm:
    """The form of a command; `done` is shown once it was taken."""

    command: type[Command]
    title: Text
    fields: Sequence[FormField]
    done: Text

    @property
    def name(self) -> str:
        """Give the command's name, which is that of its route."""
        return kebab(self.command)


Made = Callable[[Mapping[str, Any]], Mapping[str, Any]]
CHOOSE: Final = Text("请选择", "choose")
WHY: Final = FormField(name="reason", label=Text("原因", "why"))
CODE: Final = FormField(name="code", label=Text("客户的验证码(有则填)", "the customer's code, if given"))
FORMS: Final[Sequence[CommandForm]] = (
    CommandForm(
        command=Assign,
        title=Text("指派", "assign"),
        fields=[
            FormField(name="assignee.person", label=Text("谁", "who"), offers="people"),
            FormField(name="assignee.role", label=Text("角色", "role"), one_of="roles"),
            FormField(name="assignee.contact", label=Text("联系方式", "contact")),
            FormField(name="assignee.backup_person", label=Text("备份人", "backup"), offers="people"),
            FormField(name="assignee.backup_contact", label=Text("备份人联系方式", "backup's contact")),
            WHY,
        ],
        done=Text("已指派", "assigned"),
    ),
    CommandForm(
        command=Note,
        title=Text("备注", "note"),
        fields=[FormField(name="text", label=Text("内容", "text"), long=True)],
        done=Text("已备注", "noted"),
    ),
    CommandForm(command=Accept, title=Text("接单", "claim"), fields=[], done=Text("已接单", "claimed")),
    CommandForm(
        command=Pause,
        title=Text("挂起", "pause"),
        fields=[FormField(name="waiting_for", label=Text("等谁", "for whom"), choices=words(WaitingFor)), WHY],
        done=Text("已挂起", "paused"),
    ),
    CommandForm(command=Resume, title=Text("恢复处理", "go on"), fields=[WHY], done=Text("已恢复", "it goes on")),
    CommandForm(
        command=Return, title=Text("退回待分派", "return"), fields=[WHY], done=Text("已退回待分派", "returned")
    ),
    CommandForm(
        command=Reclassify,
        title=Text("更改类型、区域或优先级", "reclassify"),
        fields=[
            FormField(name="type", label=Text("类型", "type"), one_of="types"),
            FormField(name="region", label=Text("区域(空:不变)", "region (empty: as it is)")),
            FormField(name="priority", label=Text("优先级(空:不变)", "priority (empty: as it is)")),
            WHY,
        ],
        done=Text("已更改", "reclassified"),
    ),
    CommandForm(
        command=Escalate,
        title=Text("升级", "escalate"),
        fields=[FormField(name="to", label=Text("升级给哪个角色", "to which role's board"), one_of="roles"), WHY],
        done=Text("已升级", "escalated"),
    ),
    CommandForm(
        command=AddCollaborator,
        title=Text("增加协作人", "add a collaborator"),
        fields=[
            FormField(name="person", label=Text("谁", "who"), offers="people"),
            FormField(name="part", label=Text("分工", "what is theirs")),
        ],
        done=Text("已增加", "added"),
    ),
    CommandForm(
        command=RemoveCollaborator,
        title=Text("移除协作人", "remove a collaborator"),
        fields=[FormField(name="person", label=Text("谁", "who"), offers="people"), WHY],
        done=Text("已移除", "removed"),
    ),
    CommandForm(
        command=AskProgress,
        title=Text("记录客户催办", "the customer asked"),
        fields=[
            FormField(name="asked_by", label=Text("谁问的", "who asked")),
            FormField(name="text", label=Text("问了什么", "what they asked"), long=True),
        ],
        done=Text("已记录", "noted"),
    ),
    CommandForm(
        command=RequestClosure,
        title=Text("请客户确认", "ask for closure"),
        fields=[FormField(name="note", label=Text("说明(可空)", "remark, if any"))],
        done=Text("已请客户确认", "the customer is asked"),
    ),
    CommandForm(
        command=AskClosureCode,
        title=Text("重发客户的验证码", "send the customer's code once more"),
        fields=[],
        done=Text("验证码短信已重发", "the code is sent once more"),
    ),
    CommandForm(
        command=ConfirmClosure,
        title=Text("代客户确认关闭", "confirm for the customer"),
        fields=[
            FormField(name="confirmed_by", label=Text("客户联系人", "the customer's contact")),
            FormField(name="ticks", label=Text("客户确认", "the customer confirms"), choices=words(Tick), many=True),
            CODE,
        ],
        done=Text("已关闭", "closed"),
    ),
    CommandForm(
        command=RejectClosure,
        title=Text("代客户拒绝关闭", "decline for the customer"),
        fields=[
            FormField(name="rejected_by", label=Text("客户联系人", "the customer's contact")),
            FormField(name="reason_code", label=Text("原因类别", "kind of reason"), one_of="rejections"),
            WHY,
            CODE,
        ],
        done=Text("已退回处理", "it goes on"),
    ),
    CommandForm(
        command=Tag,
        title=Text("场景标签", "scene tags"),
        fields=[
            FormField(name="tags", label=Text("在什么情况下发生", "in which situations"), many=True, one_of="tags"),
        ],
        done=Text("场景标签已更新", "the tags are set"),
    ),
    CommandForm(
        command=Reopen, title=Text("重新打开", "reopen"), fields=[WHY], done=Text("已重新打开", "it is open again")
    ),
)


def offered(state: str, commands: Sequence[str], *, paused: bool) -> list[CommandForm]:
    """Give the forms of what is legal in a state and allowed to who is signed in; a pause ends, or begins."""
    legal = frozenset(legal_in(State(state)))
    other = Pause if paused else Resume
    return [one for one in FORMS if one.command in legal and one.command is not other and one.name in commands]


def filled(form: CommandForm, lists: Mapping[str, Mapping[str, Text]]) -> CommandForm:
    """Give a form with the choices that its page has for it. Pure."""

    def with_choices(one: FormField) -> FormField:
        choices = lists.get(one.one_of)
        return replace(one, choices={**({} if one.many else {"": CHOOSE}), **choices}) if choices else one

    return replace(form, fields=[with_choices(one) for one in form.fields])


async def sent(form: CommandForm, asked: Asked, path: str, made: Made | None = None) -> None:
    """Send a filled form to a ticket's path; a refusal names its fields as the form does. Raises ApiProblem.

    `made`: what the command is made of, where the form's fields are not its own.
    """
    body = body_of(form, asked.fields)
    try:
        await asked.post(f"{path}/{form.name}", made(body) if made else body)
    except ApiProblem as problem:
        raise ApiProblem(problem.status, labelled(form.fields, problem.problem)) from None


def labelled(fields: Sequence[FormField], problem: Mapping[str, Any]) -> Mapping[str, Any]:
    """Call the fields that a problem quotes by what the form calls them. Pure."""
    zh, en = str(problem.get("detail", "")), str(problem.get("detail_en", ""))
    for one in fields:
        zh = zh.replace(f"“{one.name}”", f"“{one.label.zh}”")
        en = en.replace(repr(one.name), repr(one.label.en))
    return {**problem, "detail": zh, "detail_en": en}


def body_of(form: CommandForm, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Give the command that a filled form asks for; what was left empty is left out, and refused where it is needed.

    A record stays, empty or not, so that what is missing is named by its field.
    """
    body: dict[str, Any] = {}
    for one in form.fields:
        given = [value.strip() for name, value in fields if name == one.name and value.strip()]
        *above, last = one.name.split(".")
        place = body
        for name in above:
            place = place.setdefault(name, {})
        if given:
            place[last] = given if one.many else given[-1]
    return body
