"""Requests of people, from body and path: strict, and each refusal names its field. Pure."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request as HttpRequest

from bus.domain.errors import CommandRefused
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import INVISIBLE, Text
from bus.gateway.http.problems import HttpProblem
from bus.intake.command_bodies import SHORT_MAX
from bus.intake.wrong_types import wrong_type
from bus.wire.json_body import NAME_CHARS_SHOWN, joined

NUMBER_MAX = 2**63 - 1  # of what the database numbers

Number = Annotated[int, Field(ge=1, le=NUMBER_MAX)]
Name = Annotated[str, Field(max_length=SHORT_MAX)]
_SEEN = rf"[^\s\x1c-\x1f\x85{INVISIBLE}]"  # a character that is not blank
NotBlank = Annotated[str, Field(max_length=SHORT_MAX, pattern=_SEEN)]


class RequestModel(BaseModel):
    """A request; no value is converted, and an unknown field is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


A = TypeVar("A", bound=RequestModel)
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "ge": ("不能小于", "is at least"),
    "le": ("不能大于", "is at most"),
    "min_length": ("的长度不能小于", "has a length of at least"),
    "max_length": ("的长度不能大于", "has a length of at most"),
}


def read(cls: type[A], given: Mapping[str, Any], path: Mapping[str, int | str] | None = None) -> A:
    """Make what is asked out of a body, or a query, and what stands in the path. Raises CommandRefused."""
    known = cls.model_fields.keys() - (path or {}).keys()
    if unknown := [name for name in given if name not in known]:
        raise _unknown(unknown[0], known)
    try:
        return cls.model_validate({**given, **(path or {})})
    except ValidationError as error:
        raise _refused(error.errors(include_url=False, include_input=False)[0]) from None


def path_number(http: HttpRequest, name: str, text: Text) -> int:
    """Read a number in the path. Raises HttpProblem (404) with that text: what is no number names nothing."""
    given: str = http.path_params[name]
    if not (given.isascii() and given.isdigit() and len(given) < 20 and 1 <= int(given) <= NUMBER_MAX):
        raise gone(name, text)
    return int(given)


def gone(name: str, text: Text) -> HttpProblem:
    """Answer that what the path names is not there, or no more."""
    return HttpProblem(404, f"{name}_gone", name, text)


def _unknown(name: str, known: Collection[str]) -> CommandRefused:
    shown, close = joined("", name), nearest(name[:NAME_CHARS_SHOWN], sorted(known))
    meant = did_you_mean(close, quoted=True)
    return CommandRefused(
        "unknown_field", shown, f"没有字段“{shown}”{meant.zh}", f"there is no field {shown!r}{meant.en}", nearest=close
    )


def _refused(error: ErrorDetails) -> CommandRefused:
    field, limits = ".".join(map(str, error["loc"])), error.get("ctx", {})
    if error["type"] == "missing":
        return CommandRefused("missing", field, f"缺少字段“{field}”", f"the field {field!r} is missing")
    if error["type"] == "one_of_two":
        return CommandRefused("missing", "changes", "changes 与 body 须给出且只给出一个", error["msg"])
    if error["type"] == "string_pattern_mismatch":
        return CommandRefused("missing", field, f"“{field}”不能为空", f"{field} is blank")
    for name, (zh, en) in _BOUNDS.items():
        if name in limits:
            limit = limits[name]
            return CommandRefused("out_of_range", field, f"“{field}”{zh} {limit}", f"{field} {en} {limit}")
    if error["type"] == "literal_error":
        words = limits["expected"].replace("'", "").replace(" or ", ", ")
        zh = f"“{field}”只能用:{words.replace(', ', '、')}"
        return CommandRefused("wrong_type", field, zh, f"{field} is one of {words}")
    text = wrong_type(field, error["type"], error["msg"])
    return CommandRefused("wrong_type", field, text.zh, text.en)
