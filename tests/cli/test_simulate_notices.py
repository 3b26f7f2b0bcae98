"""`ticketbus simulate` of what writes to people: a message by what it prints, its ledger, and a switch."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.adapter import EnvironmentSecrets
from adapters.contract_suites.target import services
from adapters.notices import wechat_template
from adapters.simulators.wechat_template import WechatTemplateSimulator
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.delivery.targets_config import load_targets_config
from tests.adapters.notice_calls import WECHAT, call, notice, notices, ticket_of, written
from tests.cli.test_simulate import simulating, switch


async def test_simulate_wechat_is_written_to_as_it_prints_and_fails_as_it_is_switched(tmp_path: Path) -> None:
    file = notices({**notice("customer", wechat=WECHAT), "by": "wechat"})
    shutil.copy(written(file), tmp_path / "notices.yaml")
    run = simulating("wechat-template", "--notices", str(tmp_path / "notices.yaml"), "--switch", "cut-after=1@send")
    async with run as printed:
        assert printed.variables == WechatTemplateSimulator().variables
        (tmp_path / "targets.yaml").write_text(printed.targets, encoding="utf-8")
        adapters = {"wechat-template": wechat_template.ADAPTER}
        config = load_targets_config(tmp_path / "targets.yaml", adapters).targets["wechat"]
        secrets = EnvironmentSecrets(environment=printed.variables, where="targets.wechat")
        lent = replace(services(), name="wechat", ticket_at=ticket_of)
        target = wechat_template.ADAPTER.build(config.options, secrets, lent)
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
        assert failed.value.kind is FailureKind.UNKNOWN
        await target.send(call())
        assert [await printed.line() for _ in range(3)] == ["token", "send → 开关 switch: cut-after", "send"]
        state = (await switch(printed, fault="no-person", times=1)).json()
        assert [one["to"] for one in state["delivered"]] == ["oLiNvShi"]
        assert (state["dropped"], state["on"]) == (1, ["no-person"])
        await target.close()
