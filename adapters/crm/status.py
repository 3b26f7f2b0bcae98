"""The CRM's words for a ticket's status: what each means here, and which of them a CRM may set (R12)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.naming import state_named
from bus.domain.simplified import simplified
from bus.domain.terms import State
from bus.domain.text import Text

FIELD: Final = "$.data.status"

# Unmistakable synonyms of CRMs. Vague words (跟进中, 稍后处理, 挂起 …) are not here on purpose: they are refused.
SYNONYMS: Final[Mapping[str, State]] = {
    "新建": State.PENDING,
    "已登记": State.PENDING,
    "已受理": State.ASSIGNED,
    "已派单": State.ASSIGNED,
    "进行中": State.IN_PROGRESS,
    "维修中": State.IN_PROGRESS,
    "已修复": State.RESOLVED,
    "已完成": State.RESOLVED,
    "已关单": State.CLOSED,
    "已结案": State.CLOSED,
    "结案": State.CLOSED,
    "关闭": State.CLOSED,
    "new": State.PENDING,
    "working": State.IN_PROGRESS,
    "fixed": State.RESOLVED,
    "done": State.RESOLVED,
}

REOPEN_WORDS: Final = frozenset({"重新打开", "重开", "再次报修", "reopened", "reopen"})

# Who brings a ticket into the state, where a CRM cannot.
_OWNERS: Final[Mapping[State, Text]] = {
    State.PENDING: Text(
        "由总线在报修登记时设定;要重新处理请发“重新打开”",
        "the bus sets it on opening; to begin again send 'reopened'",
    ),
    State.ASSIGNED: Text("由调度员指派到人(assign)", "a dispatcher assigns a person (assign)"),
    State.IN_PROGRESS: Text("由工程师开始处理(start)", "the engineer starts work (start)"),
    State.RESOLVED: Text(
        "由工程师提交照片、摘要与根因(resolve)",
        "the engineer hands in photo, summary and root cause (resolve)",
    ),
}


class Settable(StrEnum):
    """What a CRM may bring about by a status word."""

    CONFIRM_CLOSURE = "confirm-closure"
    REOPEN = "reopen"


def settable(word: str) -> Settable:
    """Say what a status word asks for. Raises MalformedInput: a word nobody knows, or a state that our people set."""
    text = simplified(word.strip().lower())
    if text in REOPEN_WORDS:
        return Settable.REOPEN
    try:
        state = SYNONYMS.get(text) or state_named(text, FIELD)
    except CommandRefused as unknown:
        raise MalformedInput(unknown.code, unknown.field, unknown.zh, unknown.en, **unknown.context) from None
    if state is State.CLOSED:
        return Settable.CONFIRM_CLOSURE
    owner = _OWNERS[state]
    raise MalformedInput(
        "state_not_settable",
        FIELD,
        f"“{word}”即“{state.zh}”,CRM 不能直接设定:{owner.zh};CRM 可设定“{State.CLOSED.zh}”或“重新打开”",
        f"{word!r} means {state.value}, which a CRM cannot set: {owner.en}; it may set 'closed' or 'reopened'",
        state=state.value,
    )
