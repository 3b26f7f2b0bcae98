"""What a request holds, by a map: values read of the event and the ticket, constants, and trees of both. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self
from urllib.parse import quote

from pydantic import BeforeValidator, ConfigDict, Field, GetPydanticSchema, ValidationError, model_validator
from pydantic_core import core_schema

from adapters.expressions import Expression, Jmes
from adapters.map_faults import fault, faults
from adapters.mapping.field_values import MapPart, Words
from adapters.time_form import TimeForm
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.wire.json_body import NAME_CHARS_SHOWN

DEPTH_MAX: Final = 20
PLACEHOLDER_CHARS_MAX: Final = 500
_LEAF: Final = frozenset({"from", "value", "words", "default", "time"})
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_PATH: Final = re.compile(r"/[^\s#\\{}]*")
_DOTS: Final = re.compile(r"(^|/)\.\.?(/|\?|$)")


class _Absent:
    """Nothing to send: the key is left out."""


ABSENT: Final = _Absent()
Tables = Mapping[str, Mapping[str, str]]


def _constant(value: object) -> object:
    """Take what JSON can hold; YAML makes dates of what looks like one."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [_constant(one) for one in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _constant(one) for key, one in value.items()}
        case _:
            raise fault("请加引号:这里只能写文字、数字、true、false、null", "put quotes around it: it is not JSON")


class SentValue(MapPart):
    """One value of a request: `from`, an expression, or `value`, the same for all.

    `words`: the other system's words for ours; a word that is not in the table is refused. `default`: what is sent
    where there is nothing: null, or an empty text; without it the key is left out. `time`: how the other system writes
    a time.
    """

    model_config = ConfigDict(populate_by_name=False)

    from_: Annotated[Jmes | None, Field(alias="from")] = None
    value: Annotated[Any, BeforeValidator(_constant)] = ABSENT
    words: Words | str | None = None
    default: Annotated[Any, BeforeValidator(_constant)] = ABSENT
    time: TimeForm | None = None

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.from_ is None) == (self.value is ABSENT):
            zh = "写 from(从哪里读)或 value(固定值)之一"
            raise fault(zh, "one of `from` (where it is read) and `value` is meant")
        if self.from_ is None and not (self.words is None and self.default is ABSENT and self.time is None):
            zh = "value 是固定值,不需要 words、default 和 time"
            raise fault(zh, "`value` is fixed: no `words`, no `default`, no `time`")
        return self

    def read(self, document: Any, tables: Tables) -> Any:
        """Give what is sent, ABSENT for nothing. Raises MalformedInput that names where it looked."""
        if self.from_ is None:
            return self.value
        found = self.from_.read(document)
        if found is None or found == "":
            return self.default
        if self.time is not None:
            return self.time.write(_time(found, self.from_))
        if self.words is None:
            return found
        table = tables[self.words] if isinstance(self.words, str) else self.words
        words = [_word(one, table, self.from_) for one in (found if isinstance(found, list) else [found])]
        return words if isinstance(found, list) else words[0]


def _time(found: object, expression: Expression) -> datetime:
    try:
        time = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise MalformedInput(
            "bad_time", expression.path, f"“{expression.path}”不是时间", f"{expression.path} is no time"
        )
    return time


def _word(found: object, table: Mapping[str, str], expression: Expression) -> str:
    text = found if isinstance(found, str) else str(found)
    word = table.get(text)
    if word is not None:
        return word
    shown = text[:NAME_CHARS_SHOWN]
    zh, en = f"对照表里没有“{shown}”", f"the table has no {shown!r}"
    raise MalformedInput("unknown_word", expression.path, zh, en, nearest=nearest(shown, table))


def sent_value(given: object) -> object:
    """Take a text for an expression, which is the usual case."""
    return {"from": given} if isinstance(given, str) else given


Sent = Annotated[SentValue, BeforeValidator(sent_value)]
Branch = SentValue | Mapping[str, Any] | Sequence[Any]  # of a tree: each item is one again


class SentTree:
    """A body as a tree: objects and lists as they stand, and at its ends values."""

    def __init__(self, given: object) -> None:
        """Check it. Raises ValueError with every fault and its place."""
        wrong = list[str]()
        self._root = _branch(given, "", wrong, DEPTH_MAX)
        if wrong:
            raise ValueError("; ".join(wrong))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SentTree) and other._root == self._root

    def __hash__(self) -> int:
        return hash(str(self._root))

    @property
    def values(self) -> Sequence[tuple[str, SentValue]]:
        """Give every value with its place."""
        return list(_values(self._root, ""))

    def read(self, document: Any, tables: Tables) -> Any:
        """Give the body. Raises MalformedInput that names where it looked."""
        return _read(self._root, document, tables)


def _branch(given: object, place: str, wrong: list[str], within: int) -> Branch:
    match given:
        case _ if not within:
            wrong.append(f"{place}: {fault('嵌套过深', 'nested too deep')}")
        case str():
            return _leaf({"from": given}, place, wrong)
        case Mapping() if given.keys() <= _LEAF and given.keys() & {"from", "value"}:
            return _leaf(given, place, wrong)
        case Mapping():
            if odd := [key for key in given if not isinstance(key, str)]:
                wrong.append(f"{place or '.'}: {fault(f'键 {odd[0]} 请加引号', f'put quotes around the key {odd[0]}')}")
            return {str(key): _branch(one, _inner(place, key), wrong, within - 1) for key, one in given.items()}
        case list():
            return [_branch(one, _inner(place, at), wrong, within - 1) for at, one in enumerate(given)]
        case _:
            meant = fault("固定值写作 {value: …}", "a constant is written as {value: …}")
            wrong.append(f"{place or '.'}: {meant}")
    return {}


def _inner(place: str, key: object) -> str:
    return f"{place}.{key}".lstrip(".")


def _leaf(given: object, place: str, wrong: list[str]) -> Branch:
    try:
        return SentValue.model_validate(given)
    except ValidationError as error:
        wrong.append(f"{place}: {faults(error)}" if place else faults(error))
        return {}


def _values(branch: Branch, place: str) -> Sequence[tuple[str, SentValue]]:
    match branch:
        case SentValue():
            return [(place, branch)]
        case Mapping():
            items: Sequence[tuple[Any, Any]] = list(branch.items())
        case _:
            items = list(enumerate(branch))
    return [found for key, one in items for found in _values(one, _inner(place, key))]


def _read(branch: Branch, document: Any, tables: Tables) -> Any:
    match branch:
        case SentValue():
            return branch.read(document, tables)
        case Mapping():
            read = {key: _read(one, document, tables) for key, one in branch.items()}
            return {key: value for key, value in read.items() if value is not ABSENT}
        case _:
            return [value for one in branch if (value := _read(one, document, tables)) is not ABSENT]


class PathTemplate:
    """A path, with expressions in braces: `/tickets/{ticket.source_no}/notes?by={key}`; what they give is escaped."""

    def __init__(self, text: str) -> None:
        """Check it. Raises ValueError."""
        written, self._parts = _PLACEHOLDER.sub("-", text), list[str | Expression]()
        if not _PATH.fullmatch(written) or "//" in written.partition("?")[0] or _DOTS.search(written.partition("?")[0]):
            raise fault(
                "应以 / 开头,表达式写在 {} 里,不含空格、#、\\\\ 和 ..,例如 /tickets/{ticket.source_no}/notes",
                "begins with /, has expressions in {}, and no blanks, #, \\\\ or ..: such as "
                "/tickets/{ticket.source_no}/notes",
            )
        for at, part in enumerate(_PLACEHOLDER.split(text)):
            self._parts.append(Expression(part.strip()) if at % 2 else part)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PathTemplate) and other._parts == self._parts

    def __hash__(self) -> int:
        return hash(tuple(self._parts))

    def read(self, document: Any) -> str:
        """Give the path. Raises MalformedInput where a placeholder has nothing, or what is no part of a path."""
        return "".join(part if isinstance(part, str) else _placed(part, document) for part in self._parts)


def _placed(expression: Expression, document: Any) -> str:
    found, path = expression.read(document), expression.path
    if isinstance(found, bool) or not isinstance(found, str | int) or not str(found).strip("."):
        zh, en = f"路径中的“{path}”没有可用的值", f"{path}, which stands in the path, has nothing that fits there"
        raise MalformedInput("missing", path, zh, en)
    text = str(found)
    if len(text) > PLACEHOLDER_CHARS_MAX:
        zh, en = f"“{path}”过长,不能写入路径", f"{path} is too long for a path"
        raise MalformedInput("too_long", path, zh, en)
    return quote(text, safe="")


def _of_text(make: Any) -> Any:
    def validated(given: object) -> object:
        if not isinstance(given, str):
            raise fault("应为文字", "a text is meant")
        return make(given.strip())

    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(validated))


RequestPath = Annotated[PathTemplate, _of_text(PathTemplate)]
Tree = Annotated[
    SentTree, GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(SentTree))
]
