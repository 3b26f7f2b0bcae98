"""Practise 练习 on a virtual ticket (R47): a role's own steps by their forms, the others' played by the bus."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException

from bus.domain.closing_commands import ConfirmClosure, Resolve
from bus.domain.commands import Reclassify, Start
from bus.domain.event_words import event_words
from bus.domain.practice_steps import PHOTO, STEPS, PracticeRole
from bus.domain.terms import Tick, words
from bus.domain.text import Text
from bus.rules_config import root_cause_words
from console.page import Action, Asked, Page, link
from console.ticket_forms import CHOOSE, FORMS, CommandForm, FormField, sent
from console.words import WORDS

ROLES: Final = words(PracticeRole)
_PRIORITIES: Final = {one: Text(one, one) for one in ("P1", "P2", "P3")}
_NEEDED_TOO: Final = {"reclassify": ("priority",)}  # of the fields that a command takes one or the other of
_OF_PRACTICE: Final = (
    CommandForm(
        command=Start,
        title=Text("开始处理", "start work"),
        fields=[FormField(name="substate", label=Text("方式", "how"), choices=WORDS["substate"])],
        done=Text("已开始处理", "work has started"),
    ),
    CommandForm(
        command=Reclassify,
        title=Text("更改优先级", "change the priority"),
        fields=[
            FormField(name="priority", label=Text("优先级", "priority"), choices={"": CHOOSE, **_PRIORITIES}),
            FormField(name="reason", label=Text("原因", "why")),
        ],
        done=Text("已更改", "reclassified"),
    ),
    CommandForm(
        command=Resolve,
        title=Text("解决", "resolve"),
        fields=[
            FormField(
                name="photos",
                label=Text("照片", "photos"),
                choices={PHOTO: Text("演练照片", "a photo to practise with")},
                many=True,
            ),
            FormField(name="summary", label=Text("处理摘要", "summary"), long=True),
            FormField(
                name="root_cause",
                label=Text("根因", "root cause"),
                choices={"": CHOOSE, **root_cause_words()},
            ),
        ],
        done=Text("已解决", "resolved"),
    ),
    CommandForm(
        command=ConfirmClosure,
        title=Text("确认关闭", "confirm the closure"),
        fields=[
            FormField(name="confirmed_by", label=Text("您的姓名", "your name")),
            FormField(name="ticks", label=Text("请逐项确认", "tick what is so"), choices=words(Tick), many=True),
        ],
        done=Text("已关闭", "closed"),
    ),
)
_NAMED: Final = {one.name: one for one in (*FORMS, *_OF_PRACTICE)}
STEP_FORMS: Final[Mapping[str, CommandForm]] = {one.name: _NAMED[one.name] for one in STEPS}
"""The form of each step; of those that a ticket's page has, too, what practice needs of it."""


async def _choose(asked: Asked) -> Mapping[str, Any]:
    own = await asked.get("/v1/practice")
    return {
        "roles": ROLES,
        "steps": STEPS,
        "words": WORDS,
        "chosen": asked.form.get("role", ""),
        "practices": own["practices"],
    }


async def _begin(asked: Asked) -> str:
    opened = await asked.post("/v1/practice", {})
    return link(f"/practise/{_role(asked.form.get('role', ''))}/{opened['ticket_id']}")


async def _read(asked: Asked) -> Mapping[str, Any]:
    role = _role(asked.path["role"])
    practice = await asked.get(_path(asked))
    at = next((one for one in practice["steps"] if one["command"] == practice["next"]), None)
    return {
        "role": role,
        "roles": ROLES,
        "practice": practice,
        "at": at,
        "form_of": STEP_FORMS[at["command"]] if at and at["role"] == role else None,
        "labels": labels(at["command"], (*at["needs"], *_NEEDED_TOO.get(at["command"], ()))) if at else (),
        "heading": heading,
        "ended": asked.query.get("ended", ""),
        "words": WORDS,
        "sent": asked.form.get("command", ""),
        "ticked": asked.chosen,
        "address": link(f"/practise/{role}/{quote(practice['ticket_id'], safe='')}"),
    }


def labels(command: str, needs: Sequence[str]) -> Sequence[Text]:
    """Name what a step's form must have, as the form does. Pure."""
    known = {one.name: one.label for one in STEP_FORMS[command].fields}
    return [known.get(one, Text(one, one)) for one in needs]


def heading(event_type: str) -> Text:
    """Give an event's kind in words; of one that has none its type. Pure."""
    return event_words(event_type) or Text(event_type, event_type)


async def _take(form: CommandForm, asked: Asked) -> str:
    await sent(form, asked, _path(asked))
    return ""


async def _play(asked: Asked) -> str:
    await asked.post(f"{_path(asked)}/play", {"role": _role(asked.path["role"]), "step": asked.form.get("step", "")})
    return ""


async def _end(asked: Asked) -> str:
    await asked.post(f"{_path(asked)}/end", {})
    return link(f"/practise/{_role(asked.path['role'])}/{quote(asked.path['ticket'], safe='')}", ended="yes")


def _role(given: str) -> str:
    if given not in ROLES:
        raise HTTPException(404)
    return given


def _path(asked: Asked) -> str:
    return f"/v1/practice/{quote(asked.path['ticket'], safe='')}"


BEGIN: Final = Page(
    path="/practise",
    title=Text("练习", "practise"),
    template="practise.html",
    read=_choose,
    needs="practise",
    actions=[Action(name="begin", run=_begin, done=Text("已开一张虚拟工单", "a virtual ticket is open"))],
)
PAGE: Final = Page(
    path="/practise/{role}/{ticket}",
    title=Text("练习", "practise"),
    template="practise_ticket.html",
    read=_read,
    needs="practise",
    menu=False,
    actions=[
        *(Action(name=form.name, run=partial(_take, form), done=form.done) for form in STEP_FORMS.values()),
        Action(name="play", run=_play, done=Text("总线已代办这一步", "the bus has played that step")),
        Action(name="end", run=_end, done=Text("虚拟工单已关闭", "the virtual ticket is closed")),
    ],
)
