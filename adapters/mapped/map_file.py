"""The map of a source: how it sends, who proves to have sent it, which documents become which commands.

Words and shapes are checked when the map is read, every fault at once with its line and column.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, Union

from pydantic import BeforeValidator, Field, create_model, model_validator

from adapters.expressions import Jmes
from adapters.map_faults import fault
from adapters.mapped.field_values import MapPart, Value, Words, fields_model
from adapters.mapped.proof import Header, HmacProof, Proof
from adapters.time_form import ISO_8601, TimeForm, listed
from bus.domain.naming import did_you_mean, nearest
from bus.intake.command_bodies import COMMANDS
from bus.intake.reserved_names import is_client_name, is_reserved

COMMANDS_MAX: Final = 100


class Webhook(MapPart):
    """The source calls `/v1/sources/NAME/webhook`.

    `body`: `form`: fields as a form sends them; `form-json`: a form whose field `json_field` holds JSON. `headers`:
    what is read of the delivery's headers, found in a document under `_headers`, by their lower-case names.
    """

    kind: Literal["webhook"] = "webhook"
    body: Literal["json", "form", "form-json"] = "json"
    json_field: str = "payload"
    headers: Annotated[tuple[Header, ...], BeforeValidator(listed), Field(max_length=20)] = ()


class DeliveryId(MapPart):
    """What tells a delivery from the next, and a repeat from a new one: a header, a field of the body, or all of it."""

    header: Header | None = None
    field: Jmes | None = None
    body: Literal["sha256"] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.header, self.field, self.body)) != 1:
            raise fault("写 header、field 或 body: sha256 之一", "one of `header`, `field` and `body: sha256` is meant")
        return self


class NoteOfOthers(MapPart):
    """What a document that no command takes leaves on its ticket."""

    note: Value


class CommandMap(MapPart):
    """One command that a document may be; those of `commands` whose `when` holds are all made, in order."""

    command: str
    when: Jmes | None = None
    number: Value | None = None
    at: Value | None = None
    actor: Value | None = None
    fields: Any


def _command_model(name: str) -> type[CommandMap]:
    cls: Any = COMMANDS[name]
    of_fields = fields_model(cls, ("source_no",))  # the ticket's number at the source is the map's `number`
    needed = any(field.is_required() for field in of_fields.model_fields.values())
    return create_model(
        f"{cls.__name__}Map",
        __base__=CommandMap,
        command=(Literal[name], ...),  # type: ignore[arg-type]  # a name of COMMANDS
        fields=(of_fields, ... if needed else of_fields()),
    )


MODELS: Final = {name: _command_model(name) for name in COMMANDS}


def _known_command(given: object) -> object:
    """Refuse a command that there is none of with the nearest; pydantic would list them all."""
    if isinstance(given, Mapping) and "command" in given and given["command"] not in MODELS:
        close = did_you_mean(nearest(str(given["command"]), MODELS), quoted=True)
        raise fault(f"没有命令“{given['command']}”{close.zh}", f"there is no command {given['command']!r}{close.en}")
    return given


if TYPE_CHECKING:
    AnyCommand = CommandMap
else:
    AnyCommand = Annotated[
        Union[tuple(MODELS.values())],  # noqa: UP007 - it is made of the commands that there are
        Field(discriminator="command"),
        BeforeValidator(_known_command),
    ]


class SourceMap(MapPart):
    """One source, as its map has it.

    `documents`: the documents in what is sent, one or a list; left out: what is sent is the document. `number`: a
    ticket's number at the source. `at`, `actor`: when it happened and who did it there; left out: when it was taken in,
    and the source. `missing`: texts that stand for nothing. `otherwise`: of documents that no command takes.
    """

    source: str
    transport: Webhook = Webhook()
    proof: Proof
    delivery_id: DeliveryId | None = None
    documents: Jmes | None = None
    when: Jmes | None = None
    number: Value
    at: Value | None = None
    actor: Value | None = None
    time: TimeForm = TimeForm.model_validate({"format": ISO_8601})
    missing: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    words: Mapping[str, Words] = {}
    commands: Annotated[tuple[AnyCommand, ...], Field(min_length=1, max_length=COMMANDS_MAX)]
    otherwise: Literal["pass-over"] | NoteOfOthers = "pass-over"

    @model_validator(mode="after")
    def _name_is_a_source(self) -> Self:
        if not is_client_name(self.source) or len(self.source) > 32:
            raise fault(
                "source: 由小写字母、数字、点和连字符组成,最多 32 个字符",
                "source: is lower-case letters, digits, dots and dashes, at most 32",
            )
        if is_reserved(self.source):
            raise fault(f"source: “{self.source}”是总线自己的名字", f"source: {self.source!r} is the bus's own name")
        return self

    @model_validator(mode="after")
    def _repeats_are_known(self) -> Self:
        if self.delivery_id is None and self.proof.kind != "standard-webhooks":
            raise fault(
                "delivery_id: 必填,用来识别重复投递:header、field,或 body: sha256",
                "delivery_id: is needed to know a repeat: a `header`, a `field`, or `body: sha256`",
            )
        proof = self.proof
        if isinstance(proof, HmacProof) and proof.id_header and self.delivery_id != DeliveryId(header=proof.id_header):
            raise fault(
                f"delivery_id: 签名里的编号是 {proof.id_header},请写 header: {proof.id_header}",
                f"delivery_id: what is signed is the header {proof.id_header}: name it here",
            )
        return self
