"""The schema registry (Confluent API): registers the catalogue, and keeps the numbers it gave in PostgreSQL."""

import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from bus.domain.errors import BusError, InvariantBroken, MalformedInput, Transient
from bus.domain.events import Recorded
from bus.postgres.pool import Connection, Pool, connected
from bus.settings import Settings, secret_of
from bus.tls import cause_of, trust
from bus.wire.codec import Codec, RegisteredSchema
from schemas.catalogue import RECORD_TYPES

ASKED_MAX = 50  # unknown ids looked up in one transaction
STRANGE_S = 60.0  # so long an id that nobody knew is not asked for again
STRANGERS_MAX = 10_000
CA = "schema_registry_ca_file"
COMPATIBILITY = "FULL_TRANSITIVE"  # a subscriber reads on with the schema that it compiled
_KEEP = """
INSERT INTO registered_schemas (schema_id, subject, definition) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"""
_REGISTERED = "UPDATE registered_schemas SET registered_at = now() WHERE (schema_id, subject) = (%s, %s)"
_LOAD = """
SELECT schema_id, subject, definition FROM registered_schemas ORDER BY registered_at NULLS FIRST, schema_id"""
_CONTENT_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class RegistryUnavailable(Transient):
    """The schema registry did not answer."""


class SchemaRefused(BusError):
    """The registry holds a schema to be incompatible with its earlier versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Where the registry is, and the `user:password` that it asks of who writes, where it asks for one.

    `trust`: the authorities of an https one.
    """

    url: str
    basic_auth: str | None = field(default=None, repr=False)
    trust: ssl.SSLContext | None = field(default=None, repr=False)

    def client(self) -> httpx2.AsyncClient:
        """Make an HTTP client of the Confluent API."""
        user, _, password = (self.basic_auth or "").partition(":")
        auth = httpx2.BasicAuth(user, password) if self.basic_auth else None
        return httpx2.AsyncClient(
            base_url=self.url.rstrip("/"),
            headers=_CONTENT_TYPE,
            timeout=10,
            trust_env=False,
            auth=auth,
            verify=self.trust or True,
        )


def registry_of(settings: Settings) -> Registry | None:
    """Give the registry that the settings name, if they name one. Raises CertificateUnusable.

    A `user:password@` within its URL is taken out of it, so that no message shows it.
    """
    if settings.schema_registry_url is None:
        return None
    parts = urlsplit(settings.schema_registry_url)
    within, _, host = parts.netloc.rpartition("@")
    return Registry(
        url=parts._replace(netloc=host).geturl(),
        basic_auth=secret_of(settings, "schema_registry_basic_auth") or unquote(within) or None,
        trust=trust(settings, CA) if parts.scheme == "https" else None,
    )


@retry(
    retry=retry_if_exception_type(RegistryUnavailable),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    stop=stop_after_delay(20),
    reraise=True,
)
async def register_all(registry: Registry) -> dict[int, RegisteredSchema]:
    """Register every record of the catalogue, compatibility set; idempotent.

    Raises RegistryUnavailable, SchemaRefused.
    """
    try:
        async with registry.client() as http:
            found = [await register(http, one.subject, one.schema) for one in RECORD_TYPES]
    except httpx2.TransportError as error:
        raise RegistryUnavailable(f"the schema registry at {registry.url} is away: {cause_of(error, CA)}") from error
    return {one.schema_id: one for one in found}


async def register(http: httpx2.AsyncClient, subject: str, schema: dict[str, Any]) -> RegisteredSchema:
    """Register a schema under its level; idempotent. Raises RegistryUnavailable, SchemaRefused."""
    # First the level: it is enforced only once it has been put, and the first bad version would pass.
    level = await http.put(f"/config/{subject}", json={"compatibility": COMPATIBILITY})
    if level.status_code >= 500:
        raise RegistryUnavailable(f"the schema registry answered {level.status_code}")
    if level.status_code in (401, 403):
        raise SchemaRefused(
            f"the registry lets nobody write without a credential ({level.status_code}): set SCHEMA_REGISTRY_BASIC_AUTH"
        )
    if level.status_code >= 400:
        raise SchemaRefused(f"{subject}: the registry takes no level {COMPATIBILITY}: {level.status_code}")
    answer = await http.post(f"/subjects/{subject}/versions", json={"schema": json.dumps(schema, ensure_ascii=False)})
    if answer.status_code == 409:
        raise SchemaRefused(f"{subject} is not {COMPATIBILITY} compatible: {answer.text}")
    if answer.status_code >= 500:
        raise RegistryUnavailable(f"the schema registry answered {answer.status_code}")
    if answer.status_code >= 400:
        raise SchemaRefused(f"{subject}: {answer.status_code} {answer.text}")
    return RegisteredSchema(schema_id=answer.json()["id"], subject=subject, schema=schema)


async def keep(connection: Connection, registered: Mapping[int, RegisteredSchema]) -> None:
    """Keep the registry's numbers, so that no program needs the registry to read or write; idempotent."""
    rows = [(one.schema_id, one.subject, json.dumps(one.schema)) for one in registered.values()]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _KEEP,
            rows,
        )


async def keep_registered(connection: Connection, registered: Mapping[int, RegisteredSchema]) -> None:
    """Keep the numbers that the registry gave just now: of one schema under several numbers these are written."""
    await keep(connection, registered)
    async with connection.cursor() as cursor:
        await cursor.executemany(_REGISTERED, [(one.schema_id, one.subject) for one in registered.values()])


async def load_codec(connection: Connection) -> Codec:
    """Build the codec from the numbers kept in PostgreSQL; it writes those that were registered last."""
    rows = await (await connection.execute(_LOAD)).fetchall()
    return Codec({i: RegisteredSchema(schema_id=i, subject=s, schema=json.loads(d)) for i, s, d in rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaLearner:
    """Teaches a codec the schemas that were registered after its program started, by newer programs or by systems."""

    codec: Codec
    pool: Pool
    registry: Registry | None
    _strangers: dict[int, float] = field(default_factory=dict)

    async def know(self, values: Iterable[bytes | None]) -> None:
        """Look up the schema ids of values that the codec does not know; those that nobody knows stay unknown.

        Idempotent; costs nothing while all are known. Raises RegistryUnavailable, StoreUnavailable.
        """
        now = monotonic()
        wanted = sorted(one for one in self.codec.unknown(values) if self._strangers.get(one, 0.0) < now)
        for first in range(0, len(wanted), ASKED_MAX):
            await self._look_up(wanted[first : first + ASKED_MAX])

    async def _look_up(self, wanted: Sequence[int]) -> None:
        async with connected(self.pool) as connection:
            found = await _kept(connection, wanted)
            found |= await self._asked([one for one in wanted if one not in found])
            learnt = {schema_id: one for schema_id, one in found.items() if self.codec.learn(one)}
            await keep(connection, learnt)
        if len(self._strangers) > STRANGERS_MAX:
            self._strangers.clear()
        self._strangers.update(dict.fromkeys(set(wanted) - learnt.keys(), monotonic() + STRANGE_S))

    async def events(self, values: Sequence[bytes]) -> list[Recorded]:
        """Read events that the bus itself has kept, those of newer programs too.

        Raises RegistryUnavailable, StoreUnavailable, and InvariantBroken when one cannot be read: none is left out.
        """
        await self.know(values)
        try:
            return [self.codec.decode(value) for value in values]
        except MalformedInput as error:
            raise InvariantBroken(f"an event in PostgreSQL cannot be read: {error}") from error

    async def _asked(self, schema_ids: Sequence[int]) -> dict[int, RegisteredSchema]:
        if self.registry is None or not schema_ids:
            return {}
        texts = await definitions(self.registry, schema_ids)
        return {schema_id: one for schema_id, text in texts.items() if (one := _registered(schema_id, text))}


async def definitions(registry: Registry, schema_ids: Iterable[int]) -> dict[int, str]:
    """Ask for the texts of schemas; those that nobody knows are left out. Raises RegistryUnavailable."""
    found = {}
    try:
        async with registry.client() as http:
            for schema_id in schema_ids:
                answer = await http.get(f"/schemas/ids/{schema_id}")
                if answer.status_code >= 500 or answer.status_code == 429:
                    raise RegistryUnavailable(f"the schema registry answered {answer.status_code}")
                if answer.status_code == 200:
                    found[schema_id] = _definition(answer)
    except httpx2.TransportError as error:
        raise RegistryUnavailable(f"the schema registry at {registry.url} is away: {cause_of(error, CA)}") from error
    return found


async def asked(
    http: httpx2.AsyncClient, path: str, body: Mapping[str, Any] | None = None, *, kind: type = dict
) -> Any:
    """Ask for an object of JSON, or another `kind`, by POST where there is a body; None: there is no such thing.

    Raises RegistryUnavailable, also where what answers is no registry.
    """
    try:
        answer = await (http.get(path) if body is None else http.post(path, json=body))
    except httpx2.TransportError as error:
        raise RegistryUnavailable(f"the schema registry is away: {cause_of(error, CA)}") from error
    if answer.status_code == 404:
        return None
    try:
        content = answer.json()
    except ValueError:
        content = None
    if answer.status_code != 200 or not isinstance(content, kind):
        raise RegistryUnavailable(f"the schema registry answered {answer.status_code} to {path}")
    return content


async def _kept(connection: Connection, schema_ids: Sequence[int]) -> dict[int, RegisteredSchema]:
    query = "SELECT schema_id, definition FROM registered_schemas WHERE schema_id = ANY(%s)"
    rows = await (await connection.execute(query, (list(schema_ids),))).fetchall()
    return {schema_id: one for schema_id, text in rows if (one := _registered(schema_id, text))}


def _definition(answer: httpx2.Response) -> str:
    """Read the schema out of an answer; what is none there is none of the bus's."""
    try:
        answered = answer.json()
    except ValueError:
        return ""
    return str(answered.get("schema", "")) if isinstance(answered, dict) else ""


def _registered(schema_id: int, text: str) -> RegisteredSchema | None:
    """Name a record schema by its own full name, which is its subject; others are none of the bus's."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return None
    return RegisteredSchema(
        schema_id=schema_id, subject=f"{schema.get('namespace')}.{schema.get('name')}", schema=schema
    )
