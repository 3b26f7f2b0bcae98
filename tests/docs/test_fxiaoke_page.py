"""The page on 纷享销客: its targets and the map that it names do with the simulator what the page says."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from adapters.adapter import EnvironmentSecrets
from adapters.contract_suites.target import services
from adapters.fxiaoke.options import FxiaokeOptions, FxiaokeWrite
from adapters.fxiaoke.target import FxiaokeTarget
from adapters.fxiaoke_api.account import FxiaokeAccount
from adapters.mapped.fxiaoke_objects import FxiaokePoller
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from adapters.mapped.transports import FxiaokeObjects
from adapters.registry import TARGETS
from adapters.simulators.fxiaoke import FxiaokeSimulator
from bus.delivery.target import Call
from bus.delivery.targets_config import load_targets_config
from bus.domain.commands import Note, OpenTicket
from bus.domain.terms import TraceId
from bus.domain.ticket import Ticket
from bus.intake.source_adapter import Ignored
from tests.adapters.fxiaoke_calls import CASE, FOLLOW_UP, TENANT, call
from tests.history.uci import ROOT

PAGE = (ROOT / "docs" / "fxiaoke.md").read_text(encoding="utf-8")
[FILE] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
LOCAL = {"private_addresses": True}
SECRETS = EnvironmentSecrets(
    environment={"FXIAOKE_APP_SECRET": TENANT.app_secret, "FXIAOKE_PERMANENT_CODE": TENANT.permanent_code}, where="t"
)


def at(crm: FxiaokeSimulator, text: str) -> str:
    """Give a file of the page for the simulator on this machine."""
    return text.replace(
        "app_id: FSAID_1320000", f"private_addresses: true\n    base_url: {crm.url}\n    app_id: FSAID_1320000"
    )


def options(crm: FxiaokeSimulator, name: str) -> FxiaokeOptions:
    given: dict[str, Any] = yaml.safe_load(FILE)["targets"][name]["options"]
    return FxiaokeOptions.model_validate({**given, "account": {**given["account"], **LOCAL, "base_url": crm.url}})


def target(crm: FxiaokeSimulator, name: str, source_no: str) -> FxiaokeTarget:
    """Build a target of the page, whose tickets are of a case."""

    async def ticket_at(asked: Call) -> Ticket:
        return replace(await services().ticket_at(asked), source="fxiaoke", source_no=source_no)

    return FxiaokeTarget(options(crm, name), SECRETS, replace(services(), ticket_at=ticket_at))


def test_fxiaoke_page_names_every_key_and_its_targets_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(FILE, encoding="utf-8")
    assert set(load_targets_config(file, TARGETS).targets) == {"fxiaoke-cases", "fxiaoke-notes"}
    for model in (FxiaokeAccount, FxiaokeObjects, FxiaokeWrite):
        names = [name for name in model.model_fields if name != "kind"]
        assert [name for name in names if f"`{name}`" not in PAGE and f"{name}:" not in FILE] == []


async def test_fxiaoke_page_a_case_comes_in_is_written_back_and_its_own_change_is_no_news() -> None:
    crm = FxiaokeSimulator()
    case = crm.books.create(CASE, {"title__c": "水泵不转", "status__c": "new", "priority__c": "high"})
    async with crm.serving():
        assert [type(one) for one in await polled(crm)] == [OpenTicket]
        built = target(crm, "fxiaoke-cases", case)
        assert built.idempotent
        assert (await built.send(call())).reference == case
        await built.close()
        (record,) = crm.books.records
        assert (record.values["status__c"], record.values["ticket_no__c"]) == ("new", "T20261122-000001")
        assert record.values["last_modified_by"] == ["1000"]
        assert await polled(crm) == []
        crm.books.update(CASE, {"_id": case, "status__c": "processing"})
        assert [type(one) for one in await polled(crm)] == [Note]
    assert crm.books.flows_started == 0


async def polled(crm: FxiaokeSimulator) -> list[object]:
    """Ask once by the shipped map, and give the commands that come of it."""
    mapped = read_map(at(crm, shipped("fxiaoke")))
    assert isinstance(mapped.transport, FxiaokeObjects)
    source, now = MappedSource(mapped, 1, {}), datetime.now(UTC)
    pages = FxiaokePoller(mapped.transport, SECRETS).pages(now - timedelta(seconds=60))
    commands = list[object]()
    async for page in pages:
        for body in (orjson.dumps(one) for one in page.documents):
            key = source.delivery_id(body)
            received = source.delivery(key, body, headers={}, received_at=now, trace_id=TraceId("a" * 32))
            try:
                commands += [one.command for one in source.translate(received)]
            except Ignored:
                continue
    return commands


async def test_fxiaoke_page_a_note_becomes_a_record_with_its_key_but_not_one_that_came_from_there() -> None:
    crm = FxiaokeSimulator()
    async with crm.serving():
        built = target(crm, "fxiaoke-notes", "case-1")
        effect = await built.send(call())
        assert await built.confirm(call()) == effect
        own = call(2)
        assert (await built.send(replace(own, event=replace(own.event, source="fxiaoke")))).reference == ""
        await built.close()
    (record,) = crm.books.records
    assert record.object == FOLLOW_UP
    assert {"case__c": "case-1", "delivery_key__c": call().key, "owner": ["1000"]}.items() <= record.values.items()


@pytest.mark.parametrize("code", ["20016", "20017", "10006", "30002", "30003", "30004", "14001"])
def test_fxiaoke_page_has_every_code(code: str) -> None:
    assert re.search(rf"^\|[^|]*\b{code}\b", PAGE, re.MULTILINE)
