"""The Avro schema that a frozen dataclass corresponds to; the tests hold the .avsc files against it, both ways."""

import inspect
import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

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


def _fields(cls: type, seen: set[type], but: str = "") -> list[Schema]:
    hints = get_type_hints(cls)
    assert is_dataclass(cls)
    found: list[Schema] = []
    for one in fields(cls):
        if one.name == but:
            continue
        column: Schema = {"name": one.name, "type": _type(hints[one.name], seen)}
        if isinstance(column["type"], list):
            column["default"] = None
        elif one.default is not MISSING and isinstance(one.default, str | int | bool):
            column["default"] = one.default
        found.append(column)
    return found


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
