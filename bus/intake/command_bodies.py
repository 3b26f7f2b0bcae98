"""JSON bodies to commands: strict types derived from the command classes, unknown fields refused by name."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import orjson
from pydantic import TypeAdapter, ValidationError

from bus.domain.commands import OUTSIDE, Command
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, kebab, nearest
from bus.domain.text import Text, without_marks
from bus.domain.values import QUANTITIES
from bus.intake.reserved_names import person_name, refuse_control
from bus.intake.wrong_types import wrong_type
from bus.wire.json_body import NAME_CHARS_SHOWN, WHOLE, joined, refuse_unstorable

COMMANDS: Mapping[str, type[Command]] = {kebab(cls): cls for cls in OUTSIDE}
ENVELOPE = ("at", "actor")
T = TypeVar("T")

# Longer ones would not fit into an index; `text` and `description` may be as long as the body.
SHORT_MAX, LONG_MAX = 500, 100_000
_LONG = frozenset({"text", "description", "summary", "uri", "photos", "tracestate"})
_MANY_LINES = frozenset({"text", "description", "summary", "reason", "note", "caption", "address"})
# Copied from contacts and chats with marks of direction; `value` is a key's, `any` what a journey is asked by.
_COPIED = frozenset({"value", "serial", "phone", "contact", "backup_contact", "any"})
_AROUND = " \t\n\v\f\r\x85\u2028\u2029"  # what is copied along with a cell or a line
_PERSONS = frozenset({"person", "backup_person", "actor", "asked_by", "confirmed_by", "rejected_by"})
NUMBERS = range(-(2**31), 2**31)  # what Avro holds
YEARS = range(2000, 2100)  # others are a broken clock or an unset one, and would break arithmetic further on
OUT_OF_YEARS = Text(f"年份须为 {YEARS[0]} 至 {YEARS[-1]}", f"must lie in the years {YEARS[0]} to {YEARS[-1]}")
EXAMPLE = "2026-11-22T10:00:00+08:00"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def build(cls: type[T], data: Mapping[str, Any]) -> T:
    """Make a command, or an event, out of a JSON object. Pure.

    Raises MalformedInput that names the field and the nearest one.
    """
    _refuse_unknown(cls, data, "")
    for name, several in _times(cls).items():  # type: ignore[arg-type]  # it is hashable
        given = data.get(name)
        for one in given if several and isinstance(given, list) else [given]:
            if not isinstance(one, datetime | None):
                read_time(one, name)
    try:
        made: T = _adapter(cls).validate_json(orjson.dumps(data), strict=True)  # type: ignore[arg-type]  # it is hashable
    except ValidationError as error:
        raise _malformed(error) from None
    return within_limits(made)


def within_limits(value: T, path: str = "") -> T:
    """Refuse what no store holds or no line shows: NUL, controls, overlong names, huge numbers, times without zone.

    Times become UTC. Left out are marks of direction in keys and phones, and tabs and ends of lines around one line.
    Pure.
    """
    match value:
        case int():
            return _within(value, QUANTITIES if path.rpartition(".")[2] == "quantity" else NUMBERS, path)
        case _ if not value:
            return value
        case str():
            if len(value) > SHORT_MAX:
                _check_length(value, path)
            refuse_unstorable(value, path)
            name = path.rpartition(".")[2]
            if name in _COPIED:
                value = without_marks(value)  # type: ignore[assignment]  # a str in, a str out
            if name not in _MANY_LINES and not value.isprintable():
                value = value.strip(_AROUND)  # type: ignore[assignment]  # a str in, a str out
            if name in _PERSONS:
                return person_name(value, path)  # type: ignore[return-value]  # a str in, a str out
            refuse_control(value, path, lines=name in _MANY_LINES)
            return value
        case datetime():
            return aware(value, path)  # type: ignore[return-value]  # a datetime in, a datetime out
        case tuple():
            return tuple(within_limits(one, path) for one in value)  # type: ignore[return-value]  # same items
        case _ if is_dataclass(value) and not isinstance(value, type):
            changed = {}
            for name in _names(type(value)):
                inner = getattr(value, name)
                checked = within_limits(inner, f"{path}.{name}" if path else name)
                if checked is not inner:
                    changed[name] = checked
            return replace(value, **changed) if changed else value
        case _:
            return value


def aware(value: datetime, path: str) -> datetime:
    """Give the time in UTC; refuse one without an offset or out of the years that make sense. Pure."""
    if value.tzinfo is None:
        zh, en = f"“{path}”缺少时区偏移", f"{path} needs an offset, as in {EXAMPLE}"
        raise MalformedInput("no_offset", path, zh, en)
    if value.year not in YEARS:
        raise MalformedInput("out_of_range", path, f"“{path}”的{OUT_OF_YEARS.zh}", f"{path} {OUT_OF_YEARS.en}")
    return value.astimezone(UTC)


def read_time(value: object, path: str) -> datetime:
    """Read an RFC 3339 time with offset; a number of seconds is none, spelled as a text neither. Pure."""
    try:
        if not isinstance(value, str) or not _DATE.match(value):
            raise _not_a_time(path)
        return aware(TypeAdapter(datetime).validate_json(orjson.dumps(value), strict=True), path)
    except ValidationError:
        raise _not_a_time(path) from None


def _not_a_time(path: str) -> MalformedInput:
    zh = f"“{path}”须为带时区的 RFC 3339 时间,如 {EXAMPLE};不接受 Unix 时间戳"
    en = f"{path} is an RFC 3339 time with offset, as {EXAMPLE}; seconds since 1970 are not taken"
    return MalformedInput("wrong_type", path, zh, en)


def _within(value: T, allowed: range, path: str) -> T:
    if value in allowed:
        return value
    zh, en = f"“{path}”须为 {allowed[0]} 至 {allowed[-1]}", f"{path} is {allowed[0]} to {allowed[-1]}"
    raise MalformedInput("out_of_range", path, zh, en)


def _check_length(text: str, path: str) -> None:
    limit = LONG_MAX if path.rpartition(".")[2] in _LONG else SHORT_MAX
    if len(text) > limit:
        raise MalformedInput(
            "too_long", path, f"“{path}”超过 {limit} 个字符", f"{path} is longer than {limit} characters"
        )


def _refuse_unknown(cls: type, data: object, path: str) -> None:
    if not isinstance(data, Mapping):
        return
    known = _records_of(cls)
    for name, inner in data.items():
        if known.get(name) == ():
            continue
        where = joined(path, name)
        if name not in known:
            close = nearest(name[:NAME_CHARS_SHOWN], (*known, *(() if path else ENVELOPE)))
            meant = did_you_mean(close, quoted=True)
            raise MalformedInput(
                "unknown_field",
                where,
                f"没有字段“{where}”{meant.zh}",
                f"there is no field {where!r}{meant.en}",
                nearest=close,
            )
        for record in known[name]:
            for item in inner if isinstance(inner, list) else (inner,):
                _refuse_unknown(record, item, where)


@cache
def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


@cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


@cache
def _times(cls: type[Any]) -> Mapping[str, bool]:
    """Name the fields that hold a time, and whether it is a list of them."""
    hints = get_type_hints(cls).items()
    return {name: get_origin(hint) is tuple for name, hint in hints if datetime in (hint, *get_args(hint))}


@cache
def _records_of(cls: type) -> Mapping[str, tuple[type, ...]]:
    """Name the fields of a class, and of each the records that it may hold."""
    return {name: tuple(_records(hint)) for name, hint in get_type_hints(cls).items()}


def _records(hint: Any) -> list[type]:
    if is_dataclass(hint) and isinstance(hint, type):
        return [hint]
    return [record for arg in get_args(hint) for record in _records(arg)]


def _malformed(error: ValidationError) -> MalformedInput:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or WHOLE
    if first["type"] == "missing":
        return MalformedInput("missing", field, f"缺少字段“{field}”", f"the field {field!r} is missing")
    if first["type"] == "enum":
        legal = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        close = nearest(str(first["input"])[:NAME_CHARS_SHOWN], legal)
        zh, en = f"“{field}”只能用:{'、'.join(legal)}", f"{field} is one of {', '.join(legal)}"
        return MalformedInput("unknown_word", field, zh, en, nearest=close, legal=legal)
    text = wrong_type(field, first["type"], first["msg"])
    return MalformedInput("wrong_type", field, text.zh, text.en)
