"""The fields of an Avro record by their paths (`assignee.person`), each with its type and default. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# What changes nothing for who reads and writes bytes. Logical types are no part of it: timestamp-millis and
# timestamp-micros are the same bytes to Avro, and other times to people.
NO_BYTES: Final = ("doc", "aliases", "personal")
_WORDS: Final = "; one of: "
_PRIMITIVE: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldShape:
    """What a field is: its type as text, records by name, whether readers may miss it, and what it means.

    `words`: of a closed list, which is a string in Avro, the words that may stand there.
    """

    type: str
    has_default: bool
    default: str = ""
    doc: str = ""
    words: tuple[str, ...] = ()


def words_doc(words: Iterable[str]) -> str:
    """Give the end of a field's doc that lists its words; `fields_of` reads it back."""
    return _WORDS + ", ".join(words)


def fields_of(schema: Mapping[str, Any]) -> dict[str, FieldShape]:
    """Say what every field of a record is, and of the records within it."""
    return {path: _shape(field) for path, field in walk(schema["fields"])}


def walk(fields: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give fields by their paths, each before those of the records within it, through unions, arrays and maps."""
    return _walk(fields, "", {}, ())


def _walk(
    fields: Iterable[Mapping[str, Any]], within: str, named: dict[str, Mapping[str, Any]], outer: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in fields:
        path = f"{within}{one['name']}"
        yield path, one
        for held in _records(one["type"], named):
            if held["name"] not in outer:
                yield from _walk(held["fields"], f"{path}.", named, (*outer, held["name"]))


def _shape(field: Mapping[str, Any]) -> FieldShape:
    doc, _, words = field.get("doc", "").partition(_WORDS)
    return FieldShape(
        type=_text(field["type"]),
        has_default="default" in field,
        default=json.dumps(field["default"], ensure_ascii=False) if "default" in field else "",
        doc=doc,
        words=tuple(words.split(", ")) if words else (),
    )


def _records(kind: Any, named: dict[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Find the records of a type; one that was defined before stands by its name."""
    if isinstance(kind, list):
        for part in kind:
            yield from _records(part, named)
    elif isinstance(kind, Mapping):
        if kind["type"] == "record":
            named[kind["name"]] = kind
            yield kind
        else:
            yield from _records(kind.get("items", kind.get("values", kind["type"])), named)
    elif kind not in _PRIMITIVE and (known := named.get(str(kind).rpartition(".")[2])):
        yield known


def _text(kind: Any) -> str:
    if isinstance(kind, list):
        return " | ".join(_text(part) for part in kind)
    if not isinstance(kind, Mapping):
        return str(kind).rpartition(".")[2]
    if kind["type"] == "record":
        return str(kind["name"])
    for container, part in (("array", "items"), ("map", "values")):
        if kind["type"] == container:
            return f"{container} of {_text(kind[part])}"
    rest = {name: value for name, value in kind.items() if name not in (*NO_BYTES, "type")}
    return (
        f"{_text(kind['type'])} {json.dumps(rest, ensure_ascii=False, sort_keys=True)}" if rest else str(kind["type"])
    )
