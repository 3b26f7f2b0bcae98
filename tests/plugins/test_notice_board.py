"""A package of somebody else's, installed beside the bus, is found, checked at start, and run."""

import hashlib
import hmac
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bus.local.stack import Urls
from tests.bus_under_test import Bus, bus_on, eventually
from tests.plugins.notice_board.tests.board_server import TOKEN, BoardServer, board
from tests.throwaway import Environment, environment

PACKAGE = Path(__file__).parent / "notice_board"
KEY = "a-key-of-the-notes"


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Install the package into an environment that sees the bus."""
    folder = tmp_path_factory.mktemp("plugin")
    made = environment(folder / "env")
    made.see_all()
    made.install(shutil.copytree(PACKAGE, folder / "notice_board"))
    return made


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Make a bus of this test's own; nothing runs yet."""
    with bus_on(parts, tmp_path) as made:
        yield made


def configured(folder: Path, board_url: str, **wrong: Any) -> dict[str, str]:
    """Write both files, and answer the variables that name them and hold the secrets."""
    target = {"adapter": "notice-board", "events": "all", "options": {"url": board_url, "token": "BOARD_TOKEN"} | wrong}
    source = {"adapter": "notice-board", "options": {"key": "BOARD_KEY"}}
    (folder / "targets.yaml").write_text(json.dumps({"targets": {"board": target}}))  # JSON is YAML
    (folder / "sources.yaml").write_text(json.dumps({"sources": {"board": source}}))
    return {
        "TICKETBUS_TARGETS_FILE": str(folder / "targets.yaml"),
        "TICKETBUS_SOURCES_FILE": str(folder / "sources.yaml"),
        "BOARD_TOKEN": TOKEN,
        "BOARD_KEY": KEY,
    }


def test_notice_board_plugin_is_shown_in_the_docs_as_it_is() -> None:
    shown = (PACKAGE.parents[2] / "docs" / "adapters.md").read_text(encoding="utf-8")
    for language, part in (
        ("toml", "pyproject.toml"),
        ("python", "notice_board/pins.py"),
        ("python", "tests/test_board.py"),
        ("python", "notice_board/notes.py"),
        ("python", "tests/test_notes.py"),
    ):
        assert f"```{language}\n{(PACKAGE / part).read_text(encoding='utf-8')}```" in shown, part


def test_notice_board_plugin_runs_the_shipped_contract_suites(beside: Environment, tmp_path: Path) -> None:
    tests = shutil.copytree(PACKAGE / "tests", tmp_path / "tests")
    done = beside.run("-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", tests, cwd=tests)  # pytest alone will do
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_notice_board_plugin_with_a_wrong_option_is_named_at_start(beside: Environment, tmp_path: Path) -> None:
    variables = configured(tmp_path, "http://127.0.0.1:9", tokn="pasted-secret")
    done = beside.run("-m", "bus", "worker", "--stages", "delivery", cwd=tmp_path, **variables)
    assert done.returncode == 1
    file = tmp_path / "targets.yaml"
    assert done.stderr == f"ticketbus: {file}: targets.board.options.tokn: 没有这个字段 / there is no such field\n"


async def test_notice_board_plugin_takes_a_note_in_and_pins_its_ticket(
    beside: Environment, bus: Bus, tmp_path: Path
) -> None:
    with board() as server:
        bus.environment.update(configured(tmp_path, server.url))
        bus.start_process("worker", "bus", "worker", "--stages", "delivery", python=beside.python)
        bus.start_process("gateway", "bus", "gateway", python=beside.python)
        await bus.ready()
        ticket = await _note_left(bus)
        await eventually(lambda: _pins(server), within_s=90, what=lambda: bus.last_words("worker"))
        assert [(pin["ticket"], pin["version"], pin["what"]) for pin in server.pins.values()] == [
            (ticket, 1, "ticket.opened")
        ]


async def _note_left(bus: Bus) -> str:
    note = {"incident_key": {"kind": "serial", "value": "SN-1"}, "title": "洗衣机", "type": "hardware_fault"}
    body = json.dumps(note | {"region": "上海"}).encode()
    mac = hmac.new(KEY.encode(), b"note-1." + body, hashlib.sha256).hexdigest()
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        answer = await http.post(
            f"{bus.url}/v1/sources/board/webhook", content=body, headers={"note-id": "note-1", "note-mac": mac}
        )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["results"][0]["ticket_id"])


async def _pins(server: BoardServer) -> int:
    return server.effects()
