"""The page on plugging a target in: its targets file, taken from its text alone, does there what the page says."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from adapters.contract_suites.target import next_attempt
from adapters.mapped_target.options import MappedTargetOptions, RequestMap
from adapters.registry import TARGETS
from bus.app import open_core
from bus.cli import app
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.delivery.targets_config import TargetsConfig, load_targets_config
from bus.domain.batch import Accepted
from bus.domain.commands import IssueParts, Note
from bus.domain.events import PartsRequested, WorkPaused
from bus.domain.terms import WaitingFor
from bus.domain.values import Part
from bus.local.stack import Urls
from bus.settings import load
from tests.databases import MASTER_KEY, drop_database, make_database
from tests.domain.given import request
from tests.domain.people import OPEN
from tests.history.uci import ROOT
from tests.mapped_target.calls import NOTE, call, outcome, target_of
from tests.mapped_target.desk import Desk, DeskFault, serving

PAGE = (ROOT / "docs" / "plugging-out.md").read_text(encoding="utf-8")
[FILE] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LOCAL = "      private_addresses: true\n      proof:\n"
PARTS = PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=2),), reason="水泵坏了")


def config_of(file: Path, content: str) -> TargetsConfig:
    """Read a targets file."""
    file.write_text(content, encoding="utf-8")
    return load_targets_config(file, TARGETS)


def options_for(desk: Desk) -> dict[str, object]:
    """Give the page's map for a desk on this machine."""
    local = FILE.replace("https://desk.example", desk.url).replace("      proof:\n", LOCAL)
    options: dict[str, object] = yaml.safe_load(local)["targets"]["desk"]["options"]
    return options


def test_plugging_out_the_page_s_targets_file_is_taken_and_has_every_key_that_it_lists(tmp_path: Path) -> None:
    target = config_of(tmp_path / "targets.yaml", FILE).targets["desk"]
    assert isinstance(target.options, MappedTargetOptions)
    listed = PAGE[PAGE.index("## Every key") :]
    models: tuple[type[BaseModel], ...] = (MappedTargetOptions, RequestMap)
    for model in models:
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert [
            key for key in sorted(keys) if f"`{key}" not in listed and not key.startswith(("client_", "proxy_"))
        ] == []


async def test_plugging_out_a_note_arrives_once_though_its_answer_was_lost() -> None:
    async with serving() as desk, target_of(options_for(desk)) as target:
        desk.fail(DeskFault.EFFECT_FIRST_RESET)
        failed = await outcome(target, call())
        assert isinstance(failed, DeliveryFailed)
        assert failed.kind is FailureKind.UNKNOWN
        assert await next_attempt(target, call(), unsure=True) == Effect(reference="N-1")
        assert await target.send(call(WorkPaused(waiting_for=WaitingFor.CUSTOMER, reason="等客户"))) == Effect(
            reference="N-2"
        )
    first, second = desk.notes
    assert (first["case"], first["text"], first["at"]) == ("CRM-1001", NOTE.text, "2026-11-22 17:34:00")
    assert (first["visible"], first["waits_for"], second["text"]) == (False, "客户", "等客户")


async def test_plugging_out_parts_are_issued_once_and_come_back_as_a_command() -> None:
    issued = IssueParts(request_no="PR-1", document_no="1", parts=PARTS.parts)
    async with serving() as desk, target_of(options_for(desk)) as target:
        for _ in range(2):
            assert await target.send(call(PARTS)) == Effect(reference="1", commands=(issued,))
    [issue] = desk.issues.values()
    assert issue == {"site": "SH", "case": "CRM-1001", "lines": [{"sku": "PUMP-7", "qty": 2}]}


async def test_plugging_out_a_busy_desk_is_throttled_as_the_map_says() -> None:
    async with serving() as desk, target_of(options_for(desk)) as target:
        desk.fail(DeskFault.SAYS_BUSY)
        failed = await outcome(target, call())
    assert isinstance(failed, DeliveryFailed)
    assert failed.kind is FailureKind.THROTTLED


def test_plugging_out_the_file_is_checked_without_a_server(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(FILE, encoding="utf-8")
    environment = {**os.environ, "TICKETBUS_TARGETS_FILE": str(file), "DESK_SECRET": "a-secret-of-the-desk"}
    assert "desk: 可用" in CliRunner().invoke(app, ["delivery", "check"], env=environment).output
    unset = CliRunner().invoke(app, ["delivery", "check"], env={**environment, "DESK_SECRET": ""})
    assert "DESK_SECRET" in str(unset.exception)


@pytest.fixture
def environment(parts: Urls, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give what names a database of the test's own, and the page's targets file."""
    name, file = f"plugged_{uuid4().hex[:10]}", tmp_path / "targets.yaml"
    file.write_text(FILE, encoding="utf-8")
    yield {
        **os.environ,
        "DATABASE_URL": make_database(parts, name),
        "SCHEMA_REGISTRY_URL": parts.schema_registry_url,
        "SCHEMA_REGISTRY_BASIC_AUTH": parts.schema_registry_basic_auth or "",
        "TICKETBUS_MASTER_KEY": MASTER_KEY,
        "TICKETBUS_TARGETS_FILE": str(file),
        "DESK_SECRET": "a-secret-of-the-desk",
    }
    drop_database(parts, name)


def test_plugging_out_a_ticket_s_requests_are_shown_and_nothing_is_called(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened() -> str:
        async with open_core(load(), connections=1) as core:
            done = await core.dispatcher.dispatch(
                [request(OPEN, 1, source_no="C-1"), request(Note(text="已改约周三"), 2, source_no="C-1")]
            )
        return next(one.ticket_id for one in done if isinstance(one, Accepted))

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ticket = asyncio.run(opened())
    shown, unknown, nowhere = [
        CliRunner().invoke(app, ["delivery", "preview", *named])
        for named in (("desk", ticket), ("dsk", ticket), ("desk", "T20261122-999999"))
    ]
    assert shown.exit_code == 0, shown.output
    assert "POST https://desk.example/api/cases/C-1/notes" in shown.output
    assert "\ncontent-type: application/json\n\n{" in shown.output  # a line each, as it is sent
    assert '"text":"已改约周三"' in shown.output
    assert "a-secret-of-the-desk" not in shown.output
    assert "'desk'" in str(unknown.exception)
    assert "T20261122-999999" in str(nowhere.exception)
