"""Words with expressions in braces, checked when the file is read against what events and tickets have. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_type_hints

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from adapters.expressions import Expression
from adapters.map_faults import fault
from bus.domain.naming import did_you_mean, nearest
from bus.domain.ticket import Ticket
from bus.domain.time_text import CHINA
from schemas.catalogue import EVENT_TYPES

NOTHING: Final = "—"  # where the event or ticket has nothing
MAP: Final = "map"  # the placeholder of the link to a map
CLOSURE: Final = "closure"  # what proves that an answer comes from the customer who was asked to confirm
ENGINEER: Final = "engineer"  # of the handler: the link to their page of the ticket
LINK: Final = "link"  # of the ticket: to the customer's page
_PROOFS: Final = ("link", "code")
_ASKING: Final = ("ClosureRequested", "ClosureReminded", "ClosureCodeAsked")
_CHARS_MAX: Final = 2_000
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_PLAIN: Final = re.compile(r"[a-z_]+(\.[a-z_0-9]+)*")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")
ENVELOPE: Final = (
    "key", "type", "name", "event_id", "ticket_id", "version", "occurred_at", "actor", "source", "trace_id",
)  # fmt: skip
_ROOTS: Final = (*ENVELOPE, "event", "ticket", MAP, CLOSURE, ENGINEER)
EVENTS: Final[Mapping[str, type]] = {one.cls.__name__: one.cls for one in EVENT_TYPES}


class Wording:
    """A text such as `{ticket.title}: {event.place}`. Times are spelled by China's clocks."""

    def __init__(self, text: str) -> None:
        """Check the form. Raises ValueError, in words."""
        if len(text) > _CHARS_MAX:
            raise fault(f"超过 {_CHARS_MAX} 个字符", f"longer than {_CHARS_MAX} characters")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            raise fault("花括号不成对", "a brace has no other half")
        self.text = text
        self._parts = [Expression(part.strip()) if at % 2 else part for at, part in enumerate(_PLACEHOLDER.split(text))]

    def wrong(self, events: Sequence[str]) -> str:
        """Say which placeholder names something that events of these kinds, or their ticket, never have."""
        found = (absent(part.text, events) for part in self._parts if isinstance(part, Expression))
        return "; ".join(filter(None, found))

    def names(self, path: str) -> bool:
        """Say whether an expression reads that path."""
        return any(isinstance(part, Expression) and path in part.text for part in self._parts)

    def write(self, document: Mapping[str, Any]) -> str:
        """Fill it, on one line. Raises MalformedInput where an expression does not fit."""
        parts = (part if isinstance(part, str) else _shown(part.read(document)) for part in self._parts)
        return " ".join("".join(parts).split())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wording) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def absent(text: str, events: Sequence[str]) -> str:
    """Say what of a plain path never exists; nothing of one that does, or of an expression that is more than a path."""
    if not _PLAIN.fullmatch(text):
        return ""
    root, *rest = text.split(".")
    if root not in _ROOTS:
        meant = did_you_mean(nearest(root, _ROOTS))
        return str(fault(f"没有 {root}{meant.zh}", f"there is no {root}{meant.en}"))
    if root == CLOSURE:
        return _absent_proof(rest, events)
    if root == ENGINEER:
        return "" if rest == [LINK] else str(fault("engineer 有 link", "engineer has link"))
    if [root, *rest] == ["ticket", LINK]:
        return ""
    kinds: Mapping[str, type] = {}
    if root == "event":
        kinds = {name: EVENTS[name] for name in events}
    elif root == "ticket":
        kinds = {"ticket": Ticket}
    faults = (_absent_of(name, kind, rest) for name, kind in kinds.items())
    return "; ".join(filter(None, faults))


def _absent_proof(path: Sequence[str], events: Sequence[str]) -> str:
    if len(path) != 1 or path[0] not in _PROOFS:
        return str(fault(f"closure 有 {'、'.join(_PROOFS)}", f"closure has {', '.join(_PROOFS)}"))
    if never := [name for name in events if name not in _ASKING]:
        zh, en = f"{'、'.join(never)} 没有 closure", f"{', '.join(never)} has no closure"
        return str(fault(f"{zh},只有 {'、'.join(_ASKING)} 有", f"{en}: {' and '.join(_ASKING)} have"))
    return ""


def _absent_of(name: str, kind: Any, path: Sequence[str]) -> str:
    for step in path:
        if not (is_dataclass(kind) and isinstance(kind, type)):
            return ""
        hints = _hints(kind)
        if step not in hints:
            meant = did_you_mean(nearest(step, hints))
            return str(fault(f"{name} 没有 {step}{meant.zh}", f"{name} has no {step}{meant.en}"))
        kind = hints[step]
    return ""


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: _some(hints[one.name]) for one in fields(kind)}


def _some(hint: Any) -> Any:
    return next((one for one in get_args(hint) if one is not NoneType), hint) if get_args(hint) else hint


def _shown(found: Any) -> str:
    match found:
        case None | "" | [] | {}:
            return NOTHING
        case bool():
            return "是" if found else "否"
        case str() if _TIME.fullmatch(found):
            return _local(found)
        case list():
            return "、".join(map(_shown, found))
        case dict():
            return " ".join(map(_shown, found.values()))
        case _:
            return str(found)


def _local(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(CHINA):%m-%d %H:%M}" if at.tzinfo else text


def _wording(given: object) -> Wording:
    if isinstance(given, Wording):
        return given
    if not isinstance(given, str) or not given.strip():
        raise fault("应为文字", "a text is meant")
    return Wording(given.strip())


Words = Annotated[
    Wording, GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(_wording))
]


def cut(text: str, chars: int) -> str:
    """Cut a text to so many characters, with … at the end of one that was longer."""
    return text if len(text) <= chars else text[: chars - 1] + "…"
