"""The OpenAPI document as tools read it: two linters find no error, and a generated client pages through tickets."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bus.local.stack import Urls
from bus.settings import Settings
from tests.bus_under_test import TOKEN, Bus, bus_on, eventually
from tests.gateway.by_role import OPENING

HERE = Path(__file__).parent / "openapi"
LIMIT_S = 180.0
TICKETS = 7

pytestmark = pytest.mark.peers


async def run(*command: str | Path) -> tuple[int | None, str]:
    """Run a program to its end, beside those of its folder; gives its status and what it wrote."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=HERE,
        env={**os.environ, "PATH": path},
    )
    async with asyncio.timeout(LIMIT_S):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Run a gateway and a worker."""
    with bus_on(parts, tmp_path_factory.mktemp("openapi")) as made:
        made.start("gateway")
        made.start("worker")
        yield made


@pytest.fixture
async def document(bus: Bus, tmp_path: Path) -> Path:
    """Give the document that the gateway serves, as a file."""
    await bus.ready()
    async with bus.client() as http:
        (tmp_path / "openapi.json").write_bytes((await http.get("/openapi.json")).content)
    return tmp_path / "openapi.json"


@pytest.mark.parametrize("linter", ["redocly", "spectral"])
async def test_openapi_peers_a_linter_finds_no_error(document: Path, linter: str) -> None:
    program = HERE / "node_modules" / ".bin" / linter
    if shutil.which("node") is None or not program.exists():
        pytest.skip(f"{linter} is not installed: run `make peers`")
    status, out = await run(program, "lint", document)
    assert status == 0, out


@pytest.fixture(scope="module")
def tools() -> Path:
    """Give the folder of programs of an environment of its own: the generator and ticketbus want another typer each."""
    environment = Settings().cache / "peers" / "openapi-client"

    async def made() -> tuple[int | None, str]:
        uv = Path(sys.executable).with_name("uv")
        status, out = await run(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, environment)
        if status:
            return status, out
        python = environment / "bin" / "python"
        return await run(uv, "pip", "sync", "--quiet", "--python", python, "requirements.txt")

    with asyncio.Runner() as runner:
        status, out = runner.run(made())
    if status:
        pytest.skip(f"openapi-python-client cannot be fetched: {out[-500:]}")
    return environment / "bin"


async def test_openapi_peers_a_generated_client_pages_through_tickets_and_gets_typed_answers(
    bus: Bus, document: Path, tools: Path, tmp_path: Path
) -> None:
    opened = set[str]()
    async with bus.client() as http:
        for _ in range(TICKETS):
            report = {**OPENING, "incident_key": {"kind": "serial", "value": f"SN-{uuid4().hex[:8]}"}}
            answer = await http.post("/v1/tickets", json=report, headers={"Idempotency-Key": uuid4().hex})
            assert answer.status_code == 201, answer.text
            opened.add(answer.json()["ticket_id"])

        async def listed() -> bool:
            return len((await http.get("/v1/tickets")).json()["tickets"]) == TICKETS

        await eventually(listed, what="the read model")
    generated = tmp_path / "generated"
    generator, config = tools / "openapi-python-client", tmp_path / "config.json"
    # The generator takes an image in the one form that it has for bytes.
    config.write_text(json.dumps({"content_type_overrides": {"image/svg+xml": "application/octet-stream"}}))
    options = ("--path", document, "--output-path", generated, "--config", config, "--meta", "none")
    status, out = await run(generator, "generate", *options, "--fail-on-warning")
    assert status == 0, out
    status, out = await run(tools / "python", HERE / "page_tickets.py", tmp_path, bus.url, TOKEN)
    assert status == 0, out
    found = json.loads(out)
    assert [len(page) for page in found["pages"]] == [3, 3, 1]
    assert {number for page in found["pages"] for number in page} == opened
    assert (found["state"], found["missing"]) == ("pending", "no_such_ticket")
