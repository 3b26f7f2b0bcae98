"""Commands of a map: the model of what it says of each, and the reader that makes one of a document. Pure."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import BeforeValidator, Field, GetPydanticSchema, create_model

from adapters.map_faults import fault
from adapters.mapping.field_values import FieldValue, MapPart, fields_model
from adapters.mapping.readers import NOTHING, Readers, missing
from bus.domain.commands import Command
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest
from bus.intake.command_bodies import COMMANDS, within_limits

SOURCE_NO = "source_no"  # the ticket's number at the source: never a field of a command in a map
ModelT = TypeVar("ModelT", bound=MapPart)


def command_model(name: str, base: type[ModelT]) -> type[ModelT]:
    """Derive the model of what a map says of one command: its `command` and `fields`, beside what `base` has."""
    cls: Any = COMMANDS[name]
    of_fields = fields_model(cls, (SOURCE_NO,))
    needed = any(field.is_required() for field in of_fields.model_fields.values())
    return create_model(
        f"{cls.__name__}Map",
        __base__=base,
        command=(Literal[name], ...),  # type: ignore[arg-type]  # a name of COMMANDS
        fields=(of_fields, ... if needed else of_fields()),
    )


def one_of(models: Mapping[str, type[MapPart]]) -> GetPydanticSchema:
    """Let a field whose type is the base of the models be one of them, by its `command`."""
    union: Any = Annotated[
        Union[tuple(models.values())],  # noqa: UP007 - it is made of the commands that there are
        Field(discriminator="command"),
        BeforeValidator(_known_command(models)),
    ]
    return GetPydanticSchema(lambda _base, handler: handler.generate_schema(union))


def _known_command(models: Mapping[str, type[MapPart]]) -> Callable[[object], object]:
    """Make the check that refuses a command that there is none of with the nearest; pydantic would list them all."""

    def checked(given: object) -> object:
        if isinstance(given, Mapping) and "command" in given and given["command"] not in models:
            close = did_you_mean(nearest(str(given["command"]), models), quoted=True)
            raise fault(
                f"没有命令“{given['command']}”{close.zh}", f"there is no command {given['command']!r}{close.en}"
            )
        return given

    return checked


class CommandReader:
    """Makes one command of documents, by what a map says of its fields."""

    def __init__(self, readers: Readers, command: str, part: MapPart) -> None:
        """Make the readers of its fields, once."""
        self.cls, self._part = COMMANDS[command], part
        self._fields = readers.of_fields(part, self.cls, (SOURCE_NO,))
        self._needed = [name for name, field in type(part).model_fields.items() if field.is_required()]

    def read(self, document: Any, **more: str) -> Command:
        """Make the command; `more`: fields that are not the map's. Raises MalformedInput by the document's path."""
        read_fields = {name: read(document) for name, read in self._fields.items()}
        given: dict[str, Any] = {name: value for name, value in read_fields.items() if value is not NOTHING}
        if absent := [name for name in self._needed if name not in given]:
            raise missing(absent[0], getattr(self._part, absent[0]))
        try:
            return within_limits(self.cls(**given | more))
        except MalformedInput as error:
            raise self._by_path(error) from None

    def _by_path(self, error: MalformedInput) -> MalformedInput:
        """Name a refused field by where the document has it, as far as the map says so."""
        part_of: Any = self._part
        for name in error.field.split("."):
            part_of = getattr(part_of, name, None)
        path = part_of.from_.path if isinstance(part_of, FieldValue) and part_of.from_ else error.field
        zh, en = f"{error.field} ← “{path}”: {error.zh}", f"{error.field}, of {path}: {error.en}"
        return MalformedInput(error.code, path, zh, en, **error.context)
