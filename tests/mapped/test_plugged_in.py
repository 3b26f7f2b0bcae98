"""A system is plugged in by a map while the bus runs: checked, tried, applied, seen in the trace, rolled back."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on, eventually
from tests.mapped.maps import CONTENT, SECRET, body_of, comment, created, signed

PATH_SECRET = "a-path-secret-of-more-than-16"
WHO = ("--by", "张工", "--why", "接入")


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus whose gateway has the secrets of both maps."""
    with bus_on(parts, tmp_path) as made:
        made.environment |= {"DESK_SECRET": SECRET, "OLD_SECRET": PATH_SECRET}
        yield made


@pytest.fixture
async def http(bus: Bus) -> AsyncIterator[httpx2.AsyncClient]:
    """Run the gateway."""
    bus.start("gateway")
    await bus.ready()
    async with httpx2.AsyncClient(base_url=bus.url, trust_env=False, timeout=30) as client:
        yield client


def now_in(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"time": datetime.now(UTC).isoformat()}


async def ran(bus: Bus, *arguments: str) -> str:
    done = await asyncio.to_thread(bus.run, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def sent(
    http: httpx2.AsyncClient, document: dict[str, Any], headers: Mapping[str, str] | None = None
) -> httpx2.Response:
    body = body_of(now_in(document))
    return await http.post("/v1/sources/desk/webhook", content=body, headers=headers or signed(body, datetime.now(UTC)))


async def test_plugged_in_a_system_sends_within_seconds_of_its_map(
    bus: Bus, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    file, sample = tmp_path / "desk.yaml", tmp_path / "created.json"
    file.write_text(CONTENT)
    sample.write_bytes(body_of(created()))
    assert "可用" in await ran(bus, "map", "check", str(file))
    (tried,) = [
        json.loads(line) for line in (await ran(bus, "map", "try", str(file), str(sample), "--json")).splitlines()
    ]
    assert (tried["outcome"], tried["commands"][0]["fields"]["title"]) == ("accepted", "水泵不转")
    assert (await sent(http, created())).status_code == 401  # what any stranger hears
    assert "version 1" in await ran(bus, "map", "apply", str(file), *WHO)

    async def opened() -> httpx2.Response | None:
        answer = await sent(http, created())
        return answer if answer.status_code != 401 else None

    answer = await eventually(opened)
    assert answer is not None
    assert answer.status_code == 201, answer.text
    assert answer.json()["map_version"] == 1
    assert (await sent(http, comment())).status_code == 200
    assert (await sent(http, created() | {"id": "d-3"})).json()["results"][0]["answer"] != "opened"
    assert (await sent(http, created(), signed(b"other", datetime.now(UTC)))).status_code == 401
    assert "对照表 map v1" in await ran(bus, "trace", "d-1")  # by the delivery's own id

    unknown = await sent(http, created(priority="URGNT") | {"id": "d-4"})
    assert (unknown.status_code, unknown.json()["nearest"]) == (400, "URGENT")
    ((headers,),) = bus.query("SELECT headers FROM refused_inputs WHERE source = 'desk'")
    assert headers[":map-version"] == "1"

    file.write_text(CONTENT.replace("{URGENT: 紧急", "{URGNT: 紧急, URGENT: 紧急"))
    await ran(bus, "map", "apply", str(file), *WHO)

    async def learned() -> bool:
        return (await sent(http, created(priority="URGNT") | {"id": "d-5"})).status_code == 200

    await eventually(learned)
    assert "对照表 map v2" in await ran(bus, "trace", "d-5")
    assert "version 3 is in force, as 1 was" in await ran(bus, "map", "rollback", "desk", *WHO)
    listed = [json.loads(line) for line in (await ran(bus, "map", "list", "--json")).splitlines()]
    assert [(one["version"], one["in_force"], one["copy_of"]) for one in listed] == [
        (3, True, 1),
        (2, False, None),
        (1, False, None),
    ]
    assert (await ran(bus, "map", "show", "desk", "--version", "1")) == CONTENT
    for name, why in {"crm": "来源“crm”已由", "desk2": "密钥相同"}.items():
        file.write_text(CONTENT.replace("source: desk", f"source: {name}"))
        refused = await asyncio.to_thread(bus.run, "map", "apply", str(file), *WHO)
        assert (refused.returncode, why in refused.stderr) == (1, True), refused.stderr
        assert await ran(bus, "map", "list", name) == ""


async def test_plugged_in_a_secret_in_the_address_is_in_no_log_and_no_row(
    bus: Bus, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "old.yaml"
    proof = CONTENT[CONTENT.index("proof:") : CONTENT.index("delivery_id:")]
    own = "proof: {kind: path, secrets: [OLD_SECRET], networks: [127.0.0.0/8, '::1/128']}\n"
    file.write_text(CONTENT.replace(proof, own).replace("source: desk", "source: old"))
    await ran(bus, "map", "apply", str(file), *WHO)
    address = f"/v1/sources/old/webhook/{PATH_SECRET}"

    async def taken() -> bool:
        return (await http.post(address, content=body_of(now_in(created())))).status_code in (200, 201)

    await eventually(taken)
    bad = await http.post(address, content=body_of(now_in(created(priority="URGNT") | {})).replace(b"d-1", b"d-2"))
    assert bad.status_code == 400
    assert (await http.post(address[:-1], content=b"{}")).status_code == 401
    assert (await http.post(f"{address}/more", content=b"{}")).status_code == 404
    bus.stop("gateway")
    assert PATH_SECRET[:-1] not in bus.log_of("gateway")
    rows = bus.query("SELECT r::text FROM refused_inputs r")
    assert rows
    assert PATH_SECRET[:-1] not in str(rows)
