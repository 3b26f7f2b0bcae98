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
import httpx2
from fastavro.schema import SchemaParseException, UnknownType

from bus.schema_registry import Registry, RegistryUnavailable, registry_of
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
        for schema_id in ids - self._schemas.keys():
            self._schemas[schema_id] = await self._looked_up(schema_id)
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

    async def _looked_up(self, schema_id: int) -> Any:
        try:
            async with self._registry.client() as http:
                answer = await http.get(f"/schemas/ids/{schema_id}")
        except httpx2.TransportError as error:
            raise RegistryUnavailable(f"the schema registry is away: {type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise RegistryUnavailable(f"the schema registry answered {answer.status_code}")
        if answer.status_code != 200:
            return None
        try:
            return fastavro.parse_schema(json.loads(answer.json()["schema"]))
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
