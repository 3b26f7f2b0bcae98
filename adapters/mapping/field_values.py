"""What a map says of one field of a command: where it is read, in whose words, and what counts where nothing is there.

The models are derived from the command classes, so that a map knows every field, its kind and its legal words.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Self, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, create_model, model_validator
from pydantic import Field as ModelField

from adapters.expressions import Jmes
from adapters.map_faults import fault
from bus.domain.naming import did_you_mean, nearest
from bus.domain.simplified import simplified
from bus.domain.terms import Term
from bus.domain.text import Text

WORDS_MAX: Final = 1_000
Place = tuple[str | int, ...]  # of a part in its file: keys, and numbers from 0


class MapPart(BaseModel):
    """A part of a map: an unknown key is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _texts(given: object) -> object:
    """Take numbers and booleans as the words that YAML made of them: {1: 高, yes: 是} is a table of texts."""
    if not isinstance(given, Mapping):
        return given
    return {_text(key): _text(value) for key, value in given.items()}


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise fault(f"{str(value).lower()} 请加引号", f"put quotes around {str(value).lower()}: it is a word here")
    return str(value) if isinstance(value, int | float) else value


Words = Annotated[Mapping[str, str], BeforeValidator(_texts), ModelField(max_length=WORDS_MAX)]


class FieldValue(MapPart):
    """Where one value is read: `from`, or one for all, `value`.

    `words`: a table of the source's words, or the name of one of the map's; a word that is not in it is refused.
    `html`: what stands there is HTML, of which the text alone is taken. `default`: what counts where the document has
    nothing.
    """

    from_: Annotated[Jmes | None, ModelField(alias="from")] = None
    value: str | None = None
    words: Words | str | None = None
    html: bool = False
    default: str | None = None

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.from_ is None) == (self.value is None):
            raise fault(
                "写 from(从哪里读)或 value(固定值)之一", "one of `from` (where it is read) and `value` is meant"
            )
        if self.value is not None and (self.words is not None or self.default is not None or self.html):
            raise fault(
                "value 是固定值,不需要 words、html 和 default", "`value` is fixed: no `words`, `html` or `default`"
            )
        return self


def _field_value(given: object) -> object:
    """Take a text for an expression, which is the usual case."""
    return {"from": given} if isinstance(given, str) else given


Value = Annotated[FieldValue, BeforeValidator(_field_value)]


def legal_words(kind: type[Term]) -> Mapping[str, Term]:
    """Give the words of a closed list: the English ones, and the Chinese."""
    return {word: member for member in kind for word in (member.value, member.zh)}


def no_table(named: str, tables: Collection[str]) -> Text:
    """Say that a map has no table of words of that name, and which may be meant."""
    close = did_you_mean(nearest(named, tables), quoted=True)
    return Text(f"words 里没有表“{named}”{close.zh}", f"`words` has no table {named!r}{close.en}")


def refuse_unknown_tables(named: Iterable[tuple[Place, str]], tables: Collection[str]) -> None:
    """Refuse every name of a table that is not there, each with its place. Raises ValueError."""
    wrong = [f"{'.'.join(map(str, place))}: {no_table(one, tables)}" for place, one in named if one not in tables]
    if wrong:
        raise ValueError("; ".join(wrong))


def word_is_no_path(word: str) -> ValueError:
    """Refuse a word of the bus where a path is read: it would be looked for in every document, and never be there."""
    return fault(
        f"“{word}”是总线的词,固定值写作 {{value: {word}}};同名字段写作 '@.{word}'",
        f"{word!r} is a word of the bus: one for all is {{value: {word}}}; a field of that name is '@.{word}'",
    )


def _of_list(kind: type[Term]) -> Callable[[FieldValue], FieldValue]:
    """Check that what a map makes of a source's words is a word of the closed list."""
    legal = legal_words(kind)

    def checked(value: FieldValue) -> FieldValue:
        if value.from_ is not None and value.from_.text in legal:
            raise word_is_no_path(value.from_.text)
        made = [value.value, value.default, *(value.words.values() if isinstance(value.words, Mapping) else ())]
        for word in filter(None, made):
            if simplified(word) not in legal:
                close = did_you_mean(nearest(word, legal), quoted=True)
                listed = "、".join(member.value for member in kind)
                raise fault(f"“{word}”不可用,只能用 {listed}{close.zh}", f"{word!r} is none of {listed}{close.en}")
        return value

    return checked


def kind_of(hint: Any) -> tuple[str, Any]:
    """Say what a field holds: `text`, `time`, `word` with its list, `record` with its class, or `list` with an item."""
    if get_origin(hint) is Annotated:
        return kind_of(get_args(hint)[0])
    if get_origin(hint) is tuple:
        return "list", get_args(hint)[0]
    options = [one for one in get_args(hint) if one is not type(None)] or [hint]
    one = options[0]
    if get_origin(one) is Annotated:
        return kind_of(one)
    if one is datetime:
        return "time", None
    if one is int:
        return "number", None
    if isinstance(one, type) and issubclass(one, Enum):
        return "word", one
    if is_dataclass(one):
        return "record", one
    return "text", None


def is_required(field: Field[Any]) -> bool:
    """Say whether a field of a command has no default."""
    return field.default is MISSING and field.default_factory is MISSING


@cache
def fields_model(cls: Any, left_out: tuple[str, ...] = (), *, each: bool = False) -> type[MapPart]:
    """Derive the model of what a map says of a class's fields; `each`: of the items of a list, which it names."""
    hints, of_fields = get_type_hints(cls, include_extras=True), dict[str, Any]()
    for field in fields(cls):
        if field.name not in left_out:
            model = _model(hints[field.name])
            of_fields[field.name] = (model, ...) if is_required(field) else (model | None, None)
    if each:
        of_fields["each"] = (Jmes, ...)
    made: type[MapPart] = create_model(f"{cls.__name__}Fields", __base__=MapPart, **of_fields)
    return made


def _model(hint: Any) -> Any:
    kind, of = kind_of(hint)
    match kind:
        case "record":
            return fields_model(of)
        case "word":
            return Annotated[Value, AfterValidator(_of_list(of))]
        case "list":
            inner, cls = kind_of(of)
            if inner == "record":
                return fields_model(cls, each=True)
            return Annotated[Value, AfterValidator(_of_list(cls))] if inner == "word" else Value
        case _:
            return Value


def values_in(part: MapPart, loc: Place = ()) -> Sequence[tuple[Place, FieldValue]]:
    """Give every value of a part of a map with its place, which begins with `loc`."""
    found = list[tuple[Place, FieldValue]]()
    for name in type(part).model_fields:
        one = getattr(part, name)
        items = list(enumerate(one)) if isinstance(one, tuple) else [(None, one)]
        for index, item in items:
            inner = (*loc, name) if index is None else (*loc, name, index)
            if isinstance(item, FieldValue):
                found.append((inner, item))
            elif isinstance(item, MapPart):
                found += values_in(item, inner)
    return found
