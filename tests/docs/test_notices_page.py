"""The page on telling people: its targets and the example of a notices file are taken, and its codes are as it says."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from adapters.adapter import EnvironmentSecrets, TargetAdapter
from adapters.contract_suites.target import services
from adapters.notices import dingtalk_work_notice, wechat_template, wecom_app
from adapters.notices.notices_file import ListedPerson, NoticeEntry, NoticesFile
from adapters.notices.quiet_hours import QuietHours
from adapters.notices.sms_aliyun import _kind_of
from adapters.notices.vendor_api import VendorCodes
from adapters.registry import TARGETS
from bus.cli.simulate_notices import commands
from bus.delivery.target import FailureKind
from bus.delivery.targets_config import load_targets_config
from tests.history.uci import ROOT

PAGE = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
[TARGETS_FILE] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLE = ROOT / "adapters" / "notices.example.yaml"
VENDORS: Mapping[str, VendorCodes] = {
    "WeCom": wecom_app.CODES,
    "DingTalk": dingtalk_work_notice.CODES,
    "WeChat": wechat_template.CODES,
}
_FOUND = {kind: re.search(rf"^\| `{kind}` \| (.*) \|$", PAGE, re.MULTILINE) for kind in FailureKind}
ROWS = {kind: row for kind, row in _FOUND.items() if row is not None}


async def test_notices_page_its_targets_and_the_example_are_taken_together(tmp_path: Path) -> None:
    file = tmp_path / "targets.yaml"
    file.write_text(TARGETS_FILE.replace("/etc/ticketbus/notices.yaml", str(EXAMPLE)), encoding="utf-8")
    config = load_targets_config(file, TARGETS)
    variables = dict.fromkeys(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TARGETS_FILE), "a-secret")
    for name, target in config.targets.items():
        adapter = TARGETS[target.adapter]
        assert isinstance(adapter, TargetAdapter)
        lent = services()
        own = type(lent)(name=name, ticket_at=lent.ticket_at, now=lent.now)
        secrets = EnvironmentSecrets(environment=variables, where=f"targets.{name}.options")
        await adapter.build(target.options, secrets, own).close()
    listed = {one["adapter"] for one in yaml.safe_load(TARGETS_FILE)["targets"].values()}
    assert all(f"| `{one}` |" in PAGE for one in listed)
    assert {one.name for one in commands.registered_commands} >= listed


@pytest.mark.parametrize("model", [NoticesFile, ListedPerson, NoticeEntry, QuietHours])
def test_notices_page_has_every_key_of_the_file(model: type[BaseModel]) -> None:
    keys = [one.alias or name for name, one in model.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_notices_page_has_a_row_for_every_kind_that_codes_have() -> None:
    assert {*ROWS} >= {kind for codes in VENDORS.values() for kind in codes.kinds.values()}


@pytest.mark.parametrize("kind", ROWS)
def test_notices_page_codes_are_read_as_it_says(kind: FailureKind) -> None:
    head, row = re.search(r"^\| \| (WeCom.*) \|$", PAGE, re.MULTILINE), ROWS[kind]
    assert head is not None
    for title, cell in zip(head[1].split(" | "), row[1].split(" | "), strict=True):
        vendor = title.split(",")[0]
        for code in re.findall(r"(?<![\w.])[−\d]\d*(?=[ ,(]|$)", cell):
            if code == "500":  # of HTTP
                continue
            assert VENDORS[vendor].kind_of(int(code.replace("−", "-")), "") is kind, (vendor, code)
        for code in re.findall(r"`(is[vp]\.\w+|ServiceUnavailable)`", cell):
            assert _kind_of(code, 200, changes=True) is kind, code
