"""The composition root: what every program is made of, put together in one place."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from bus.alerts.alert import AlertSink
from bus.alerts.log_sink import log_alert
from bus.consistency.registry_check import levels_set, schema_differences
from bus.domain.errors import BusError, DatabaseNotPrepared, StoreUnavailable
from bus.files.addresses import AddressSigner
from bus.gateway.auth.clients import ensure_client
from bus.gateway.auth.roles import Role
from bus.intake.dispatch import Dispatcher
from bus.kafka.clients import admin
from bus.kafka.topic_admin import alter_topics, apply_topics
from bus.outbox.relay import Relay
from bus.postgres.clear_events import ClearEvents
from bus.postgres.event_months import make_months
from bus.postgres.fold_names import fold_names
from bus.postgres.migrate import migrate
from bus.postgres.personal_keys import PersonalKeys
from bus.postgres.pool import APPLICATION, Pool, connected, open_pool
from bus.postgres.refold import fold_again
from bus.postgres.schema_number import PREPARING, check_may_migrate, check_not_newer
from bus.postgres.store import PostgresStore
from bus.rules_config import load_rules
from bus.schema_registry import SchemaLearner, keep_registered, load_codec, register_all, registry_of
from bus.settings import Settings, archive_dir, secret_of
from bus.wire.codec import Codec, RegisteredSchema
from bus.wire.sealing import MasterKey
from deadletter.rejected_inputs import PostgresRejectedInputs
from deadletter.unpublished import queue_unpublished
from schemas.topics import Contract, load_contract

FIRST_ADMIN = "first-admin"
TOKEN_CHARS_MIN = 43  # 32 bytes in base64


class NotConfigured(BusError):
    """An address is neither in the environment nor lent by a running local stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What gateway, worker and commands share; `alerts` logs and counts what rules read from PostgreSQL as well."""

    settings: Settings
    contract: Contract
    pool: Pool
    codec: Codec
    schemas: SchemaLearner
    store: PostgresStore
    dispatcher: Dispatcher
    refused: PostgresRejectedInputs
    keys: PersonalKeys
    addresses: AddressSigner
    clear: ClearEvents
    relay: Relay
    alerts: AlertSink


@asynccontextmanager
async def open_core(
    settings: Settings,
    *,
    connections: int = 8,
    patience_s: float = 15.0,
    name: str = APPLICATION,
    answer_s_max: float | None = None,
) -> AsyncIterator[Core]:
    """Open the pool, its connections under a name, and build what stands on it; see `open_pool` for `answer_s_max`.

    Raises StoreUnavailable when the database stays away too long.
    """
    url = require(settings, "database_url")
    contract, rules, secret = load_contract(), load_rules(settings), master_secret(settings)
    keys = PersonalKeys(MasterKey(secret))
    archive = archive_dir(settings)
    async with open_pool(url, size=connections, name=name, answer_s_max=answer_s_max, archive=archive) as pool:
        codec = await _codec(pool, keys, patience_s)
        schemas = SchemaLearner(codec=codec, pool=pool, registry=registry_of(settings))
        store = PostgresStore(pool, codec, contract, keys, read=schemas.events)
        relay = Relay(pool=pool, settings=settings, contract=contract, report=log_alert)
        yield Core(
            settings=settings,
            contract=contract,
            pool=pool,
            codec=codec,
            schemas=schemas,
            store=store,
            dispatcher=Dispatcher(store=store, rules=rules, committed=relay.wake),
            refused=PostgresRejectedInputs(pool, codec.encode_record, keys, report=log_alert),
            keys=keys,
            addresses=AddressSigner(secret, timedelta(seconds=settings.file_address_s)),
            clear=ClearEvents(pool, keys, schemas),
            relay=relay,
            alerts=log_alert,
        )


async def prepare(settings: Settings, say: Callable[[str], None] = lambda _line: None) -> None:
    """Bring database, topics and schemas up to this version; harmless to repeat. Raises BusError.

    A topic of events whose number of partitions is not the contract's is refused before anything is touched, and so
    are a schema of a newer release, and an upgrade beside programs that cannot live with it.
    TICKETBUS_TOKEN, where it is set, becomes the first admin's token.
    """
    contract, keys = load_contract(), personal_keys(settings)
    _check_token(settings)
    async with (
        open_pool(require(settings, "database_url"), size=1, name=PREPARING) as pool,
        connected(pool) as connection,
    ):
        await check_may_migrate(connection)
    for change in await alter_topics(settings, contract):
        say(change)
    await migrate(require(settings, "database_url"))
    async with admin(settings) as client:
        brokers = len((await client.describe_cluster())["brokers"])
    for name in await apply_topics(settings, contract, replication=min(3, brokers)):
        say(f"topic {name} created")
    registered = await _register(settings, say)
    async with open_pool(require(settings, "database_url"), size=1, archive=archive_dir(settings)) as pool:
        async with connected(pool) as connection:
            await make_months(connection, datetime.now(UTC))
            await keep_registered(connection, registered)
            await keys.check(connection, begin=True)
            await keys.seal_names(connection)
        for meeting in await fold_names(pool, keys, settings.dedupe_window):
            say(str(meeting.text))
        async with connected(pool) as connection:
            codec = await load_codec(connection)
        if folded := await fold_again(pool, codec):
            say(f"{folded} states of tickets folded again, that an earlier version stored")
        if queued := await queue_unpublished(pool, codec.encode_record):
            say(f"{queued} records of dead letters queued, that were not published yet")
        if settings.token:
            await ensure_client(pool, FIRST_ADMIN, Role.ADMIN, settings.token.get_secret_value())


async def _register(settings: Settings, say: Callable[[str], None]) -> dict[int, RegisteredSchema]:
    """Register the catalogue, and say what somebody else has changed in the registry: levels, latest versions."""
    require(settings, "schema_registry_url")
    registry = registry_of(settings)
    assert registry is not None, "its URL is there"
    before = await schema_differences(registry)
    registered = await register_all(registry)
    for text in [*levels_set(before), *(one.text for one in await schema_differences(registry))]:
        say(str(text))
    return registered


def _check_token(settings: Settings) -> None:
    """Refuse a token of somebody's own making that can be guessed. Raises NotConfigured, before anything is touched."""
    token = settings.token.get_secret_value() if settings.token else None
    if token is not None and len(token) < TOKEN_CHARS_MIN:
        raise NotConfigured(
            f"TICKETBUS_TOKEN has {len(token)} characters, and needs {TOKEN_CHARS_MIN}: 32 random bytes, "
            "as from `python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
        )


def personal_keys(settings: Settings) -> PersonalKeys:
    """Make the keys of personal texts from the master key. Raises NotConfigured, SettingsInvalid."""
    return PersonalKeys(MasterKey(master_secret(settings)))


def master_secret(settings: Settings) -> bytes:
    """Give the master key as it is set, or stands in its file. Raises NotConfigured, SettingsInvalid."""
    secret = secret_of(settings, "master_key")
    if len(secret) < TOKEN_CHARS_MIN:
        raise NotConfigured(
            f"TICKETBUS_MASTER_KEY, which seals personal data, has {len(secret)} characters and needs "
            f"{TOKEN_CHARS_MIN}: 32 random bytes, as from `openssl rand -base64 32`; keep it apart from the backups"
        )
    return secret.encode()


def require(settings: Settings, name: str) -> str:
    """Give a setting that must be there. Raises NotConfigured, naming the variable and the way out."""
    value = getattr(settings, name)
    if not value:
        raise NotConfigured(f"{name.upper()} is not set and no local stack runs; start one with `ticketbus up`")
    return str(value)


async def _codec(pool: Pool, keys: PersonalKeys, patience_s: float) -> Codec:
    """Load the registered schemas, and check schema and master key; Postgres may still be starting."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable) & retry_if_not_exception_type(DatabaseNotPrepared),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(patience_s),
        reraise=True,
    ):
        with attempt:
            async with connected(pool) as connection:
                await check_not_newer(connection)
                await keys.check(connection)
                return await load_codec(connection)
    raise AssertionError("tenacity gives a result or raises")
