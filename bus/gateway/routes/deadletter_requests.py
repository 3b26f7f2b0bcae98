"""Requests to the dead-letter service, from body and path: strict; each refusal names its field. Pure."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from bus.domain.errors import CommandRefused
from bus.domain.naming import nearest
from bus.domain.text import INVISIBLE
from bus.intake.command_bodies import SHORT_MAX
from bus.wire.json_body import NAME_CHARS_SHOWN, joined

LETTERS_MAX = 1_000
NUMBER_MAX = 2**63 - 1  # of letters and redrives, in the database
CANARY_MAX = 1_000_000
WATCH_S_MAX = 86_400.0

Number = Annotated[int, Field(ge=1, le=NUMBER_MAX)]
Name = Annotated[str, Field(max_length=SHORT_MAX)]
_SEEN = rf"[^\s\x1c-\x1f\x85{INVISIBLE}]"  # a character that is not blank
NotBlank = Annotated[str, Field(max_length=SHORT_MAX, pattern=_SEEN)]

After = Annotated[Name, Field(description="`next` of the answer before, to go on where it ended")]


class RequestModel(BaseModel):
    """A request to the dead-letter service; no value is converted, and an unknown field is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class ListDeadLetters(RequestModel):
    """Which groups of letters: of an origin as the list names it, or of a target."""

    origin: Name | None = None
    target: Name | None = None


class RetryLetters(RequestModel):
    """Send letters again; what waits behind each follows in order. All or none."""

    letters: Annotated[list[Number], Field(min_length=1, max_length=LETTERS_MAX)]
    why: NotBlank


class DiscardLetters(RequestModel):
    """Let letters go for good; what waits behind each comes forward. All or none."""

    letters: Annotated[list[Number], Field(min_length=1, max_length=LETTERS_MAX)]
    why: NotBlank


class EditLetter(RequestModel):
    """Put a mended copy in a letter's place: the fields of an event or a command that change, or a request's new body.

    The copy is held against the schema; the original stays. Send the copy with retry-letters.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["changes"]}, {"required": ["body"]}]})

    letter: Number
    why: NotBlank
    changes: Annotated[dict[str, Any], Field(min_length=1)] = Field(default_factory=dict)
    body: Annotated[str, Field(min_length=1)] = Field(default_factory=str)  # the document names no default then

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if bool(self.changes) == bool(self.body):
            raise PydanticCustomError("one_of_two", "give changes or body, and not both")
        return self


class FreezeRedrive(RequestModel):
    """Freeze the letters that match now, and say what would be sent; nothing is sent before run-redrive."""

    target: NotBlank
    cause: NotBlank | None = None
    event: NotBlank | None = None
    kind: NotBlank | None = None
    canary: Annotated[int, Field(ge=1, le=CANARY_MAX)] = 5
    watch_s: Annotated[float, Field(ge=0, le=WATCH_S_MAX)] = 10.0
    rate_per_s: Annotated[float, Field(ge=0.01, le=10_000)] = 10.0
    why: NotBlank


class RunRedrive(RequestModel):
    """Let the workers send a frozen set: the first few, a look at them, then the rest at its rate."""

    redrive: Number


class StopRedrive(RequestModel):
    """Close a redrive: nothing more of it is sent; what was sent goes its way."""

    redrive: Number
    why: NotBlank


class PauseDelivery(RequestModel):
    """Call a target no more until it is resumed; what is under way ends, everything else waits."""

    target: str
    why: NotBlank


class ResumeDelivery(RequestModel):
    """Let a target be called again at once: its pause, its breaker's and its own wait (Retry-After) end."""

    target: str


class DiscardQueue(RequestModel):
    """Let go for good what waits for a target which is no longer declared, letters included: of 1,000 tickets at most.

    `after`: the `next` of the answer before, until that is null.
    """

    target: str
    why: NotBlank
    after: After = ""


class MoveQueue(RequestModel):
    """Let what waits for a target which is no longer declared wait for another: of 1,000 tickets at most, in order.

    `after`: the `next` of the answer before, until that is null.
    """

    target: str
    to: NotBlank
    why: NotBlank
    after: After = ""


DeadLetterRequest = (
    RetryLetters
    | DiscardLetters
    | EditLetter
    | FreezeRedrive
    | RunRedrive
    | StopRedrive
    | PauseDelivery
    | ResumeDelivery
    | DiscardQueue
    | MoveQueue
)
"""A request that changes dead letters, redrives or targets."""
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


def _unknown(name: str, known: Collection[str]) -> CommandRefused:
    shown, close = joined("", name), nearest(name[:NAME_CHARS_SHOWN], sorted(known))
    zh, en = (f",是否指“{close}”", f"; did you mean {close!r}") if close else ("", "")
    return CommandRefused(
        "unknown_field", shown, f"没有字段“{shown}”{zh}", f"there is no field {shown!r}{en}", nearest=close
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
    return CommandRefused("wrong_type", field, f"“{field}”类型不对", f"{field}: {error['msg']}")
