"""The schema registry (Confluent API): registers the catalogue, and keeps the numbers it gave in PostgreSQL."""

import json
from collections.abc import Mapping

import httpx2
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from bus.codec import Codec, Registered
from bus.errors import BusError, Transient
from bus.postgres.pool import Connection
from schemas.catalogue import RECORD_TYPES, RecordType

COMPATIBILITY = "BACKWARD_TRANSITIVE"
_KEEP = """
INSERT INTO registered_schemas (schema_id, subject, definition) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"""
_CONTENT_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class RegistryUnavailable(Transient):
    """The schema registry did not answer."""


class SchemaRefused(BusError):
    """The registry holds a schema to be incompatible with its earlier versions."""


@retry(
    retry=retry_if_exception_type(RegistryUnavailable),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    stop=stop_after_delay(20),
    reraise=True,
)
async def register_all(url: str) -> dict[int, Registered]:
    """Register every record of the catalogue, compatibility set; idempotent.

    Raises RegistryUnavailable, SchemaRefused.
    """
    try:
        async with httpx2.AsyncClient(
            base_url=url.rstrip("/"), headers=_CONTENT_TYPE, timeout=10, trust_env=False
        ) as http:
            found = [await _register(http, one) for one in RECORD_TYPES]
    except httpx2.TransportError as error:
        raise RegistryUnavailable(f"the schema registry at {url} is away: {type(error).__name__}") from error
    return {one.schema_id: one for one in found}


async def _register(http: httpx2.AsyncClient, record: RecordType) -> Registered:
    subject = f"/subjects/{record.subject}/versions"
    answer = await http.post(subject, json={"schema": json.dumps(record.schema, ensure_ascii=False)})
    if answer.status_code == 409:
        raise SchemaRefused(f"{record.subject} is not {COMPATIBILITY} compatible: {answer.text}")
    if answer.status_code >= 500:
        raise RegistryUnavailable(f"the schema registry answered {answer.status_code}")
    if answer.status_code >= 400:
        raise SchemaRefused(f"{record.subject}: {answer.status_code} {answer.text}")
    # The level is enforced only once it has been put; putting it again is harmless.
    await http.put(f"/config/{record.subject}", json={"compatibility": COMPATIBILITY})
    return Registered(schema_id=answer.json()["id"], subject=record.subject, schema=record.schema)


async def keep(connection: Connection, registered: Mapping[int, Registered]) -> None:
    """Keep the registry's numbers, so that no program needs the registry to read or write; idempotent."""
    rows = [(one.schema_id, one.subject, json.dumps(one.schema)) for one in registered.values()]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _KEEP,
            rows,
        )


async def load_codec(connection: Connection) -> Codec:
    """Build the codec from the numbers kept in PostgreSQL."""
    rows = await (await connection.execute("SELECT schema_id, subject, definition FROM registered_schemas")).fetchall()
    return Codec({i: Registered(schema_id=i, subject=s, schema=json.loads(d)) for i, s, d in rows})
