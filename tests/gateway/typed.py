"""Values held against the type of an answer: nothing missing, nothing of another type, nothing beside it."""

from functools import cache
from typing import Any

import jsonschema_rs
import orjson
from pydantic import TypeAdapter


def type_faults(kind: Any, value: object) -> list[str]:
    """Say what of a value, written as JSON, is not as the type says."""
    return [str(error) for error in _validator(kind).iter_errors(orjson.loads(orjson.dumps(value)))]


@cache
def _validator(kind: Any) -> jsonschema_rs.Draft202012Validator:
    schema = _closed(TypeAdapter(kind).json_schema(mode="serialization"))
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _closed(schema: Any) -> Any:
    if isinstance(schema, dict):
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return {**closed, **{name: _closed(one) for name, one in schema.items()}}
    return [_closed(one) for one in schema] if isinstance(schema, list) else schema
