"""The Avro schema that a frozen dataclass corresponds to; `ticketbus docs draw` writes it, tests hold both together."""

import inspect
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from typing_extensions import Doc

from bus.domain.annotations import notes_of
from bus.domain.personal import personal_marks
from schemas.field_paths import words_doc

Schema = dict[str, Any]
_PLAIN: dict[type, Any] = {
    str: "string",
    int: "int",
    bool: "boolean",
    bytes: "bytes",
    float: "double",
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
    UUID: {"type": "string", "logicalType": "uuid"},
}


def record_schema(cls: type, *, namespace: str, within: tuple[type, str] | None = None) -> Schema:
    """Derive the Avro record of a dataclass; the fields of the class that it stands within come first."""
    seen: set[type] = set()
    first = _fields(within[0], seen, but=within[1]) if within else []
    return {
        "type": "record",
        "name": cls.__name__,
        "namespace": namespace,
        "doc": _doc(cls),
        "fields": [*first, *_fields(cls, seen)],
    }


def field_docs(cls: type) -> Mapping[str, str]:
    """Give what each field of a class means, by its `Doc`; a field without one is left out. Pure."""
    return {name: note.documentation for name, note in notes_of(cls, Doc).items()}


def _fields(cls: type, seen: set[type], but: str = "") -> list[Schema]:
    hints, docs, personal = get_type_hints(cls), field_docs(cls), personal_marks(cls)
    assert is_dataclass(cls)
    found: list[Schema] = []
    for one in fields(cls):
        if one.name == but:
            continue
        column: Schema = {"name": one.name, "doc": docs[one.name] + _words(hints[one.name])}
        column["type"] = _type(hints[one.name], seen)
        if one.name in personal:  # readers and the canonical form pass over it
            column["personal"] = True
        found.append({**column, **_default(one, column["type"])})
    return found


def _default(one: Field[Any], avro: Any) -> Schema:
    """Give the entry of a field that may be left out; Avro takes a union's default from its first branch, null."""
    if isinstance(avro, list):
        return {"default": None}
    match one.default:
        case str() | int() | bool():
            return {"default": one.default}
        case tuple():
            return {"default": [*one.default]}
        case record if is_dataclass(record) and not isinstance(record, type):
            return {"default": asdict(record)}
        case _:
            assert one.default is MISSING, one
            return {}


def _words(hint: Any) -> str:
    """Name the words of a closed list, which is a string in Avro so that readers go on when one is added."""
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return words_doc(kind)
    return ""


def _type(hint: Any, seen: set[type]) -> Any:
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return ["null", *(_type(arg, seen) for arg in args if arg is not type(None))]
    if origin is tuple:
        return {"type": "array", "items": _type(args[0], seen)}
    if origin is not None and args and args[0] is str:
        return {"type": "map", "values": _type(args[1], seen)}
    if hint in _PLAIN:
        return _PLAIN[hint]
    if issubclass(hint, StrEnum):
        return "string"
    if hint in seen:
        return hint.__name__
    seen.add(hint)
    return {"type": "record", "name": hint.__name__, "doc": _doc(hint), "fields": _fields(hint, seen)}


def _doc(cls: type) -> str:
    return inspect.cleandoc(cls.__doc__ or "").splitlines()[0]
