"""Whether two Avro schemas say the same to who reads and writes their bytes. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from schemas.field_paths import NO_BYTES


def same_schema(one: Any, other: Any, *, without: Collection[str] = NO_BYTES) -> bool:
    """Compare parsed JSON, but for the entries named, wherever they stand."""
    return bool(_but(one, without) == _but(other, without))


def _but(schema: Any, without: Collection[str]) -> Any:
    if isinstance(schema, Mapping):
        return {name: _but(value, without) for name, value in schema.items() if name not in without}
    return [_but(value, without) for value in schema] if isinstance(schema, list | tuple) else schema
