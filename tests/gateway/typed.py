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
    schema = closed(TypeAdapter(kind).json_schema(mode="serialization"))
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def closed(schema: Any) -> Any:
    """Close a schema's types: a field that none names is not answered, unless a type says that it is open. Pure."""
    if isinstance(schema, dict):
        limit = {"additionalProperties": False} if "properties" in schema else {}
        return {**limit, **{name: closed(one) for name, one in schema.items()}}
    return [closed(one) for one in schema] if isinstance(schema, list) else schema
