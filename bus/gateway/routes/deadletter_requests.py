"""Requests to the dead-letter service: what each says. Pure."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from bus.gateway.http.request_models import NUMBER_MAX, Name, NotBlank, Number, RequestModel

LETTERS_MAX = 1_000
CANARY_MAX = 1_000_000
WATCH_S_MAX = 86_400.0

After = Annotated[Name, Field(description="`next` of the answer before, to go on where it ended")]


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


class ListLetters(RequestModel):
    """Which open letters: of a cause as the list of groups names it, above a number."""

    cause: Name
    after: Annotated[int, Field(ge=0, le=NUMBER_MAX)] = 0


class CheckEdit(RequestModel):
    """Say what an edit would change, and what the schema says of it; nothing is changed."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["changes"]}, {"required": ["body"]}]})

    letter: Number
    changes: Annotated[dict[str, Any], Field(min_length=1)] = Field(default_factory=dict)
    body: Annotated[str, Field(min_length=1)] = Field(default_factory=str)  # the document names no default then

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if bool(self.changes) == bool(self.body):
            raise PydanticCustomError("one_of_two", "give changes or body, and not both")
        return self


class EditLetter(CheckEdit):
    """Put a mended copy in a letter's place: the fields of an event or a command that change, or a request's new body.

    The copy is held against the schema; the original stays. Send the copy with retry-letters.
    """

    why: NotBlank


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
