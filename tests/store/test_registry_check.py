"""What strangers do to a registry that asks nobody who they are: found each time, and the bus writes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from bus.alert_catalogue import RULES
from bus.alerts.rule_names import RuleName
from bus.app import open_core, prepare
from bus.consistency.registry_check import LEVEL_OF_0_2, Kind, differences, levels_set, schema_differences
from bus.consistency.registry_state import take_turn
from bus.domain.events import NoteAdded
from bus.local import jars, quick_start, schema_registry
from bus.local.ports import PortClaims
from bus.local.process import stop_all
from bus.local.stack import Urls
from bus.postgres.pool import Pool, connected, in_transaction, open_pool
from bus.programs.registry_watch import check_registry
from bus.schema_registry import COMPATIBILITY, Registry, SchemaRefused, register, register_all
from bus.settings import Settings
from schemas.catalogue import BY_CLASS
from tests.bus_under_test import Bus, bus_on, eventually
from tests.stack import fresh_data

PASSWORD = "the-registry-s-own"
NOTE = BY_CLASS[NoteAdded]
REGISTRY_RULES = RuleName.SCHEMA_DIFFERS, RuleName.REGISTRY_AWAY
SUBJECT = f"/subjects/{NOTE.subject}"
FOREIGN = {**NOTE.schema, "fields": [*NOTE.schema["fields"], {"name": "mood", "type": "string", "default": ""}]}


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """Run a registry of this module's own: what is done to it would be found by other tests."""
    cache = Settings().cache
    archives = jars.provide(cache)
    claims = PortClaims(cache)
    port = claims.claim(("registry",), {}, fixed={})["registry"]
    with fresh_data() as data:
        (data / "logs").mkdir()
        child = schema_registry.start(
            data,
            home=archives.registry_home,
            port=port,
            password=PASSWORD,
            database=None,
            quick_start=quick_start.provide(cache, archives).registry,
            logs=data / "logs",
        )
        try:
            asyncio.run(eventually(lambda: asyncio.to_thread(schema_registry.answers, port=port)))
            yield Registry(url=schema_registry.url(port=port), basic_auth=schema_registry.basic_auth(PASSWORD))
        finally:
            stop_all([child], grace_s=0)
            claims.release()


@pytest.fixture(scope="module")
def bus(parts: Urls, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus on this registry."""
    with bus_on(parts, tmp_path_factory.mktemp("registry")) as made:
        made.environment |= {
            "SCHEMA_REGISTRY_URL": registry.url,
            "SCHEMA_REGISTRY_BASIC_AUTH": registry.basic_auth or "",
        }
        own = {"schema_registry_url": registry.url, "schema_registry_basic_auth": SecretStr(registry.basic_auth or "")}
        made.settings = made.settings.model_copy(update=own)
        asyncio.run(prepare(made.settings))
        yield made


@pytest.fixture
async def strange(registry: Registry) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client that may do what it likes, as anybody may where no credential is asked; mended afterwards."""
    async with registry.client() as http:
        yield http
        if (await http.get(f"{SUBJECT}/versions/latest")).status_code == 200:
            await http.delete(SUBJECT)
    await register_all(registry)
    assert await schema_differences(registry) == []


async def found(registry: Registry) -> list[tuple[str, Kind]]:
    """List what differs."""
    return [(one.subject, one.kind) for one in await schema_differences(registry)]


async def written_by_own_id(bus: Bus) -> None:
    """Hold a new program's bytes of a note against the id that was kept for this very schema."""
    kept = {
        schema_id: json.loads(text)
        for schema_id, text in bus.query(
            "SELECT schema_id, definition FROM registered_schemas WHERE subject = %s", NOTE.subject
        )
    }
    async with open_core(bus.settings, connections=1) as core:
        head, _ = core.codec._writers[NoteAdded]
    assert kept[int.from_bytes(head[1:], "big")] == NOTE.schema


def test_registry_check_docs_and_aliases_are_no_difference_and_a_default_is() -> None:
    field = {"name": "n", "type": "int", "default": 1, "doc": "how many"}

    def kinds(**changes: Any) -> list[Kind]:
        schema = {"type": "record", "name": "N", "fields": [field]}
        latest = {"version": 1, "schema": json.dumps({**schema, "fields": [{**field, **changes}]})}
        return [one.kind for one in differences("N", schema, latest, {"compatibilityLevel": COMPATIBILITY})]

    assert kinds(doc="another", aliases=["m"], personal=True) == []
    assert kinds(default=2) == kinds(type="long") == [Kind.LATEST]
    assert [one.kind for one in differences("N", {}, {"schema": "[" * 10**5}, None)] == [Kind.LATEST, Kind.LEVEL]


async def test_registry_check_a_fresh_registry_is_as_the_catalogue_says(bus: Bus, registry: Registry) -> None:
    assert await found(registry) == []
    said: list[str] = []
    await prepare(bus.settings, said.append)
    assert said == []


@pytest.mark.parametrize("credential", [None, "ticketbus:guessed"])
async def test_registry_check_a_stranger_without_the_credential_changes_nothing(
    registry: Registry, credential: str | None
) -> None:
    await register_all(registry)
    level: dict[str, Any] = {"json": {"compatibility": "NONE"}}
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    async with Registry(url=registry.url, basic_auth=credential).client() as http:
        answers = [
            await http.post(f"{SUBJECT}/versions", json={"schema": json.dumps(FOREIGN)}),
            await http.put("/config", **level),
            await http.put(f"/config/{NOTE.subject}", **level, headers=rebound),
            await http.delete(SUBJECT),
            await http.delete(SUBJECT, params={"permanent": "true"}),
        ]
        assert {one.status_code for one in answers} == {401}
        with pytest.raises(SchemaRefused, match="SCHEMA_REGISTRY_BASIC_AUTH"):
            await register(http, NOTE.subject, NOTE.schema)
    async with Registry(url=registry.url).client() as http:
        assert (await http.get("/config")).json() == {"compatibilityLevel": COMPATIBILITY}
    assert await found(registry) == []


async def test_registry_check_a_compatible_foreign_latest_is_found_by_check_and_prepare(
    bus: Bus, registry: Registry, strange: httpx2.AsyncClient
) -> None:
    (await strange.post(f"{SUBJECT}/versions", json={"schema": json.dumps(FOREIGN)})).raise_for_status()
    assert await found(registry) == [(NOTE.subject, Kind.LATEST)]
    checked = bus.run("topics", "check", "--live")
    assert checked.returncode == 1
    assert f"DELETE {SUBJECT}/versions/2" in checked.stdout
    said: list[str] = []
    await prepare(bus.settings, said.append)
    assert [f"DELETE {SUBJECT}/versions/2" in line for line in said] == [True]
    await written_by_own_id(bus)
    (await strange.delete(f"{SUBJECT}/versions/2")).raise_for_status()
    assert await found(registry) == []


async def test_registry_check_an_incompatible_foreign_latest_is_found_as_such(
    registry: Registry, strange: httpx2.AsyncClient
) -> None:
    *_, last = NOTE.schema["fields"]
    broken = {**NOTE.schema, "fields": [*NOTE.schema["fields"][:-1], {**last, "type": "bytes"}]}
    for level in ("NONE", COMPATIBILITY):
        (await strange.put(f"/config/{NOTE.subject}", json={"compatibility": level})).raise_for_status()
        if level == "NONE":
            (await strange.post(f"{SUBJECT}/versions", json={"schema": json.dumps(broken)})).raise_for_status()
    assert await found(registry) == [(NOTE.subject, Kind.LATEST), (NOTE.subject, Kind.INCOMPATIBLE)]
    latest = (await strange.get(f"{SUBJECT}/versions/latest")).json()["version"]
    (await strange.delete(f"{SUBJECT}/versions/{latest}")).raise_for_status()
    assert await found(registry) == []


async def test_registry_check_a_level_of_none_is_found_and_set_again_by_prepare(
    bus: Bus, registry: Registry, strange: httpx2.AsyncClient
) -> None:
    (await strange.put(f"/config/{NOTE.subject}", json={"compatibility": "NONE"})).raise_for_status()
    assert await found(registry) == [(NOTE.subject, Kind.LEVEL)]
    said: list[str] = []
    await prepare(bus.settings, said.append)
    assert ["level was NONE at 1 subjects" in line and NOTE.subject in line for line in said] == [True]
    assert await found(registry) == []


async def test_registry_check_the_level_of_an_earlier_version_is_raised_by_prepare_without_a_word(
    bus: Bus, registry: Registry, strange: httpx2.AsyncClient
) -> None:
    (await strange.put(f"/config/{NOTE.subject}", json={"compatibility": LEVEL_OF_0_2})).raise_for_status()
    said: list[str] = []
    await prepare(bus.settings, said.append)
    assert said == []
    assert await found(registry) == []


def test_registry_check_levels_set_again_are_one_line_however_many_subjects() -> None:
    schema = {"schema": "{}"}
    before = [one for name in "ABC" for one in differences(name, {}, schema, {"compatibilityLevel": "NONE"})]
    (line,) = levels_set(before)
    assert "NONE at 3 subjects, such as A" in line.en


async def alerts_of(registry: Registry, pool: Pool, *names: RuleName) -> list[tuple[str, str]]:
    """Check the registry as a worker does, whatever was checked just before, and give what the rules say long after."""
    async with connected(pool) as connection:
        await connection.execute("UPDATE registry_checks SET begun_at = '-infinity'")
    await check_registry(registry, pool)
    later = datetime.now(UTC) + timedelta(hours=1)
    async with connected(pool) as connection:
        state = await RULES[RuleName.SCHEMA_DIFFERS].read(connection)
    return [(one.about, one.en) for name in names for one in RULES[name].evaluate(state, later)]


async def test_registry_check_a_deleted_subject_is_an_alert_until_prepare_registers_it(
    bus: Bus, registry: Registry, strange: httpx2.AsyncClient
) -> None:
    async with open_pool(bus.settings.database_url or "", size=2) as pool:
        assert await alerts_of(registry, pool, *REGISTRY_RULES) == []
        for permanent in ({}, {"permanent": "true"}):
            (await strange.delete(SUBJECT, params=permanent)).raise_for_status()
        [(about, words)] = await alerts_of(registry, pool, *REGISTRY_RULES)
        assert (about, "run `ticketbus prepare`" in words) == (NOTE.subject, True)
        await written_by_own_id(bus)
        away = Registry(url="http://127.0.0.1:1")
        assert [about for about, _ in await alerts_of(away, pool, *REGISTRY_RULES)] == [NOTE.subject, "schema registry"]
        await prepare(bus.settings)
        assert await alerts_of(registry, pool, *REGISTRY_RULES) == []
    await written_by_own_id(bus)


async def test_registry_check_workers_take_turns(bus: Bus) -> None:
    async with open_pool(bus.settings.database_url or "", size=2) as pool:
        async with connected(pool) as connection:
            await connection.execute("UPDATE registry_checks SET begun_at = '-infinity', away = NULL")
        turns = [await in_transaction(pool, take_turn) for _ in range(3)]
    assert turns == [True, False, False]


@pytest.mark.parametrize(("away", "turns"), [(None, False), ("ConnectError", True)])
async def test_registry_check_comes_sooner_while_there_is_no_answer(bus: Bus, away: str | None, turns: bool) -> None:
    async with open_pool(bus.settings.database_url or "", size=2) as pool:
        async with connected(pool) as connection:
            begun = "UPDATE registry_checks SET begun_at = clock_timestamp() - interval '6 s', away = %s"
            await connection.execute(begun, (away,))
        assert await in_transaction(pool, take_turn) is turns
