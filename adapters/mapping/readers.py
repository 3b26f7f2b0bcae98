"""What a map says of fields, made into readers of a document, once when the map is taken up. Pure.

A reader gives a value of its command's kind, NOTHING where the document has none, or raises MalformedInput that names
where it looked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, get_type_hints

from adapters.expressions import Expression
from adapters.mapping.field_values import FieldValue, MapPart, kind_of, legal_words
from adapters.mapping.html_text import plain_text
from adapters.time_form import TimeForm
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.simplified import simplified
from bus.domain.terms import Term
from bus.intake.command_bodies import aware
from bus.wire.json_body import NAME_CHARS_SHOWN, refuse_unstorable

NOTHING: Final = None
ITEMS_MAX: Final = 200
Reader = Callable[[Any], Any]


class Readers:
    """Makes readers by the tables, the times and the words for nothing of one map."""

    def __init__(self, *, words: Mapping[str, Mapping[str, str]], time: TimeForm, missing: Sequence[str]) -> None:
        """Bind what the whole map has in common."""
        self._words, self._time, self._missing = words, time, frozenset(missing)

    def text(self, value: FieldValue) -> Reader:
        """Read a text: numbers become texts, lists and objects are refused."""
        if value.value is not None:
            fixed = value.value
            return lambda _: fixed
        expression, table, default = _from(value), self._table(value), value.default
        html = value.html

        def read(document: Any) -> str | None:
            text = self._text(expression.read(document), expression)
            if html:
                text = plain_text(text)
            if not text:
                return default
            return text if table is None else _looked_up(text, table, expression)

        return read

    def time(self, value: FieldValue) -> Reader:
        """Read a time, in UTC."""
        text, path = self.text(value), value.from_.path if value.from_ else "value"

        def read(document: Any) -> datetime | None:
            found = text(document)
            return aware(self._read_time(found, path), path) if found else NOTHING

        return read

    def word(self, value: FieldValue, kind: type[Term]) -> Reader:
        """Read a word of a closed list."""
        text, path = self.text(value), value.from_.path if value.from_ else "value"
        legal = legal_words(kind)

        def read(document: Any) -> Term | None:
            found = text(document)
            return _legal(found, legal, kind, path) if found else NOTHING

        return read

    def number(self, value: FieldValue) -> Reader:
        """Read a whole number."""
        text, path = self.text(value), value.from_.path if value.from_ else "value"

        def read(document: Any) -> int | None:
            found = text(document)
            if not found:
                return NOTHING
            if not found.isdecimal() or len(found) > 9:
                raise MalformedInput("not_a_number", path, f"“{path}”须为整数", f"{path} is a whole number")
            return int(found)

        return read

    def texts(self, value: FieldValue, kind: type[Term] | None) -> Reader:
        """Read a list of texts, or words of a closed list; one text is a list of one."""
        one = self.word(value, kind) if kind else self.text(value)
        if value.from_ is None:
            return lambda document: (one(document),)
        expression, table = value.from_, self._table(value)

        def read(document: Any) -> tuple[Any, ...] | None:
            found = expression.read(document)
            if not isinstance(found, list):
                only = one(document)
                return NOTHING if only is NOTHING else (only,)
            if len(found) > ITEMS_MAX:
                zh, en = f"“{expression.path}”超过 {ITEMS_MAX} 项", f"{expression.path} has more than {ITEMS_MAX} items"
                raise MalformedInput("too_many", expression.path, zh, en)
            texts = (text for item in found if (text := self._text(item, expression)))
            texts = (plain_text(text) for text in texts) if value.html else texts
            looked = (_looked_up(text, table, expression) if table is not None else text for text in texts)
            if kind is None:
                return tuple(looked)
            return tuple(_legal(text, legal_words(kind), kind, expression.path) for text in looked)

        return read

    def record(self, part: MapPart, cls: type[Any], left_out: Sequence[str] = ()) -> Reader:
        """Read a record of a class; NOTHING where no field of it has a value that comes from the document."""
        readers = self.of_fields(part, cls, left_out)
        fixed = {name for name in readers if _is_fixed(getattr(part, name))}

        def read(document: Any) -> Any:
            given = {name: value for name, read in readers.items() if (value := read(document)) is not NOTHING}
            if not given.keys() - fixed and len(fixed) < len(readers):
                return NOTHING
            return cls(**_complete(given, part, readers))

        return read

    def records(self, part: Any, cls: type[Any]) -> Reader:
        """Read a list of records, one of each item of `each`."""
        each: Expression = part.each
        one = self.record(part, cls)

        def read(document: Any) -> tuple[Any, ...] | None:
            found = each.read(document)
            if found is None:
                return NOTHING
            items = found if isinstance(found, list) else [found]
            if len(items) > ITEMS_MAX:
                zh, en = f"“{each.path}”超过 {ITEMS_MAX} 项", f"{each.path} has more than {ITEMS_MAX} items"
                raise MalformedInput("too_many", each.path, zh, en)
            return tuple(record for item in items if (record := one(item)) is not NOTHING)

        return read

    def of_fields(self, part: MapPart, cls: type[Any], left_out: Sequence[str] = ()) -> Mapping[str, Reader]:
        """Make a reader for each field of a class that the map speaks of."""
        hints = get_type_hints(cls, include_extras=True)
        return {
            field.name: self._of(part_of, hints[field.name])
            for field in fields(cls)
            if field.name not in left_out and (part_of := getattr(part, field.name)) is not None
        }

    def _of(self, part_of: Any, hint: Any) -> Reader:
        kind, of = kind_of(hint)
        if kind == "list":
            inner, cls = kind_of(of)
            return (
                self.records(part_of, cls)
                if inner == "record"
                else self.texts(part_of, cls if inner == "word" else None)
            )
        if kind == "record":
            return self.record(part_of, of)
        if kind == "word":
            return self.word(part_of, of)
        return {"time": self.time, "number": self.number}.get(kind, self.text)(part_of)

    def _table(self, value: FieldValue) -> Mapping[str, str] | None:
        return self._words[value.words] if isinstance(value.words, str) else value.words

    def _text(self, found: Any, expression: Expression) -> str:
        match found:
            case str():
                text = found.strip()
                refuse_unstorable(text, expression.path)
            case None:
                return ""
            case bool():
                text = "true" if found else "false"
            case int():
                text = str(found)
            case float():
                text = str(int(found)) if found.is_integer() else repr(found)
            case _:
                path = expression.path
                zh, en = f"“{path}”是对象或列表,应为文字", f"{path} is an object or a list, and a text is meant"
                if isinstance(found, list):
                    zh, en = f"{zh};取第一项写作 … | [0]", f"{en}; the first of a list is … | [0]"
                raise MalformedInput("wrong_type", path, zh, en)
        return "" if text in self._missing else text

    def _read_time(self, text: str, path: str) -> datetime:
        try:
            return self._time.read(text)
        except (ValueError, OverflowError):
            zh, en = f"“{path}”不符合时间格式 {self._time}", f"{path} is no time written as {self._time}"
            raise MalformedInput("bad_time", path, zh, en) from None


def _from(value: FieldValue) -> Expression:
    assert value.from_ is not None, "a value is fixed, or read"
    return value.from_


def _is_fixed(part_of: Any) -> bool:
    return isinstance(part_of, FieldValue) and part_of.value is not None


def _complete(given: dict[str, Any], part: MapPart, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Refuse a record without a field that it needs."""
    for name in readers:
        if name not in given and type(part).model_fields[name].is_required():
            raise missing(name, getattr(part, name))
    return given


def missing(name: str, part_of: Any) -> MalformedInput:
    """Say that a document has nothing where the map reads a field that is needed."""
    path = part_of.from_.path if isinstance(part_of, FieldValue) and part_of.from_ else name
    zh, en = f"缺少“{path}”({name} 由它得来)", f"{path} is missing, of which {name} is made"
    return MalformedInput("missing", path, zh, en)


def _looked_up(text: str, table: Mapping[str, str], expression: Expression) -> str:
    word = table.get(text)
    if word is not None:
        return word
    shown, close = text[:NAME_CHARS_SHOWN], nearest(text[:NAME_CHARS_SHOWN], table)
    zh, en = (f",最接近的是“{close}”", f"; the nearest is {close!r}") if close else ("", "")
    raise MalformedInput(
        "unknown_word",
        expression.path,
        f"对照表里没有“{shown}”{zh}",
        f"the map's table has no {shown!r}{en}",
        nearest=close,
    )


def _legal(text: str, legal: Mapping[str, Term], kind: type[Term], path: str) -> Term:
    word = legal.get(simplified(text))
    if word is not None:
        return word
    shown, close = text[:NAME_CHARS_SHOWN], nearest(text[:NAME_CHARS_SHOWN], legal)
    listed = "、".join(member.value for member in kind)
    zh, en = (f",最接近的是“{close}”", f"; the nearest is {close!r}") if close else ("", "")
    raise MalformedInput(
        "unknown_word",
        path,
        f"“{shown}”不可用,只能用 {listed}{zh}",
        f"{shown!r} is none of {listed}{en}",
        nearest=close,
    )
