"""Reads Avro records of other systems, in Confluent's framing, by the schemas of the registry; gives them as JSON."""

import base64
import io
import json
import struct
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from bus.schema_registry import Registry, definitions, registry_of
from bus.settings import Settings, SettingsInvalid

_HEADER: Final = struct.Struct(">bI")
_MAGIC: Final = 0


class ForeignAvro:
    """Looks each schema up once. What is not Avro, or has a schema that nobody knows, stays as it came."""

    def __init__(self, settings: Settings) -> None:
        """Bind the registry of the settings. Raises SettingsInvalid where there is none."""
        registry = registry_of(settings)
        if registry is None:
            raise SettingsInvalid("TICKETBUS_SCHEMA_REGISTRY_URL: a topic of Avro records is read by its schemas")
        self._registry: Registry = registry
        self._schemas = dict[int, Any]()

    async def as_json(self, values: Sequence[bytes]) -> Sequence[bytes]:
        """Give each record as JSON: times in RFC 3339, decimals as texts, bytes in base64.

        Raises RegistryUnavailable.
        """
        ids = {_HEADER.unpack(one[:5])[1] for one in values if len(one) > 5 and one[0] == _MAGIC}
        if unknown := ids - self._schemas.keys():
            texts = await definitions(self._registry, unknown)
            self._schemas |= {schema_id: _parsed(texts.get(schema_id, "")) for schema_id in unknown}
        return [self._read(one) for one in values]

    def _read(self, value: bytes) -> bytes:
        if len(value) <= 5 or value[0] != _MAGIC:
            return value
        schema = self._schemas[_HEADER.unpack(value[:5])[1]]
        if schema is None:
            return value
        try:
            read = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
        except (ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, StopIteration):
            return value
        return json.dumps(read, ensure_ascii=False, default=_plain).encode()


def _parsed(text: str) -> Any:
    try:
        return fastavro.parse_schema(json.loads(text))
    except (ValueError, KeyError, TypeError, SchemaParseException, UnknownType):
        return None


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            raise TypeError(type(value).__name__)
